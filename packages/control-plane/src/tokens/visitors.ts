import { createHmac, hkdfSync } from 'node:crypto';
import { endUser, newId } from '@karta/protocol';
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';

/** How long a page may bring an anonymous visitor back, in seconds. */
const ANONYMOUS_SECONDS = 365 * 24 * 60 * 60;
/** The longest life of a token by which a builder's backend tells who a visitor is, in seconds. */
const VERIFIED_SECONDS = 5 * 60;
const CLOCK_SKEW_SECONDS = 30;
const ANONYMOUS_TYPE = 'karta-visitor+jwt';

/** A visitor of a web page. */
export interface Visitor {
  sub: string;
  /** For the page to keep; `null` for one that the builder's backend vouches for. */
  token: string | null;
}

/** Who the visitors of embed keys are. Everything is derived: nothing of a visitor is stored. */
export interface Visitors {
  /** A fresh anonymous visitor of a project, with a `sub` of ours. */
  anonymous(projectId: string): Promise<Visitor>;
  /**
   * The visitor of a token: an anonymous one of this project, or one that was signed with the embed
   * key's visitor secret. `null` when it is neither, or too old.
   */
  known(token: string, key: { id: string; project_id: string }): Promise<Visitor | null>;
  /** What a builder's backend signs its visitors with (JWT, HS256). */
  secretOf(embedKeyId: string): string;
}

export function createVisitors(pepper: Buffer): Visitors {
  const own = new Uint8Array(hkdfSync('sha256', pepper, '', 'karta anonymous visitors', 32));
  const root = Buffer.from(hkdfSync('sha256', pepper, '', 'karta visitor secrets', 32));
  const secretOf = (id: string) =>
    `kv_${createHmac('sha256', root).update(id).digest('base64url')}`;

  async function fromUs(token: string, projectId: string): Promise<Visitor | null> {
    const verified = await jwtVerify(token, own, {
      algorithms: ['HS256'],
      typ: ANONYMOUS_TYPE,
      audience: projectId,
    }).catch(() => null);
    const sub = verified?.payload.sub;
    return sub === undefined ? null : { sub, token };
  }

  async function fromBackend(token: string, embedKeyId: string): Promise<Visitor | null> {
    const verified = await jwtVerify(token, new TextEncoder().encode(secretOf(embedKeyId)), {
      algorithms: ['HS256'],
      clockTolerance: CLOCK_SKEW_SECONDS,
    }).catch(() => null);
    const said = backendClaims.safeParse(verified?.payload);
    if (!said.success) return null;
    const { sub, exp } = said.data;
    const tooLong = exp - Date.now() / 1000 > VERIFIED_SECONDS + CLOCK_SKEW_SECONDS;
    // A backend cannot speak for a visitor that we made.
    return tooLong || sub.startsWith('anon_') ? null : { sub, token: null };
  }

  return {
    secretOf,
    async anonymous(projectId) {
      const sub = newId('visitor');
      const token = await new SignJWT()
        .setProtectedHeader({ alg: 'HS256', typ: ANONYMOUS_TYPE })
        .setSubject(sub)
        .setAudience(projectId)
        .setExpirationTime(Math.floor(Date.now() / 1000) + ANONYMOUS_SECONDS)
        .sign(own);
      return { sub, token };
    },
    async known(token, key) {
      return (await fromUs(token, key.project_id)) ?? (await fromBackend(token, key.id));
    },
  };
}

/** Whether a token says that it is one of ours for an anonymous visitor, good or not. */
export function isAnonymous(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === ANONYMOUS_TYPE;
  } catch {
    // No JWT at all.
    return false;
  }
}

const backendClaims = z.object({ sub: endUser, exp: z.number() });
