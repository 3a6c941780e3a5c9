import {
  KartaError,
  SESSION_TOKEN_AUDIENCE,
  SESSION_TOKEN_ISSUER,
  SESSION_TOKEN_TYPE,
  type SessionTokenClaims,
  STAFF_TOKEN_TYPE,
  type StaffTokenClaims,
  sessionTokenClaims,
  staffTokenClaims,
  tokenScope,
} from '@karta/protocol';
import { errors, jwtVerify } from 'jose';
import type { Principal } from '../port.ts';
import { BoundedMap } from './bounded-map.ts';
import { credentialName } from './credential-name.ts';
import type { Trust } from './trust.ts';

/** How far ahead the control plane's clock may be, in seconds. */
const CLOCK_SKEW_SECONDS = 30;
/** How long after its end a token is good: clocks must not lengthen its life. In seconds. */
const EXPIRY_SKEW_SECONDS = 1;

/** Whether a credential has the form of a JWT. */
export function isJwt(credential: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(credential);
}

/** Tokens whose signature is remembered; of more, those met first are verified again. */
const MAX_KNOWN = 50_000;

/** A token whose signature was good. */
type Verified = { kid: string } & (
  | { type: typeof SESSION_TOKEN_TYPE; claims: SessionTokenClaims }
  | { type: typeof STAFF_TOKEN_TYPE; claims: StaffTokenClaims }
);

/** Verifies session tokens and staff tokens without asking anybody. */
export interface TokenVerifier {
  /**
   * Who a token is for; `null` for one that is not good. Throws `KartaError`: `org_suspended`, and
   * `unauthenticated` with the reason for one of ours that has expired.
   * `now` in milliseconds since the epoch.
   */
  verify(token: string, now?: number): Promise<Principal | null>;
}

/**
 * A signature is looked at once, which takes longest; everything that changes with time — expiry,
 * revocation, the keys that count — each time.
 */
export function createTokenVerifier(trust: Trust): TokenVerifier {
  const known = new BoundedMap<Verified>(MAX_KNOWN);
  return {
    async verify(token, now = Date.now()) {
      const name = credentialName(token);
      let found = known.get(name) ?? null;
      if (found === null) {
        found = await verified(trust, token, now);
        if (found === null) return null;
        known.set(name, found);
      }
      const { claims, kid } = found;
      if (!trust.hasTokenKey(kid)) {
        known.delete(name);
        return null;
      }
      if (claims.exp + EXPIRY_SKEW_SECONDS <= now / 1000) {
        known.delete(name);
        throw expired();
      }
      const principal =
        found.type === STAFF_TOKEN_TYPE ? staffOf(found.claims) : principalOf(found.claims);
      const refusal = trust.refusal(principal);
      if (refusal === 'org_suspended') throw new KartaError('org_suspended');
      return refusal === null ? principal : null;
    },
  };
}

function expired(): KartaError {
  return new KartaError('unauthenticated', 'The token has expired; come back with a fresh one.');
}

function principalOf(claims: SessionTokenClaims): Principal {
  const scopes = claims.scope.split(' ').flatMap((scope) => {
    const known = tokenScope.safeParse(scope);
    return known.success ? [known.data] : [];
  });
  return {
    kind: 'session_token',
    id: claims.jti,
    orgId: claims.org_id,
    // What a token may do within these is told by its own scopes.
    scopes: ['write'],
    projectId: claims.project_id,
    sub: claims.sub ?? null,
    mode: claims.mode,
    token: {
      scopes,
      sessionId: claims.session_id ?? null,
      metadata: claims.metadata ?? {},
      origins: claims.origins ?? null,
      mintedBy: claims.minted_by,
      issuedAt: claims.iat,
      expiresAt: claims.exp,
    },
  };
}

/** The person: what they do in one session, and repeat, is theirs across their tokens. */
function staffOf(claims: StaffTokenClaims): Principal {
  return {
    kind: 'staff',
    id: claims.sub,
    orgId: claims.org_id,
    scopes: [claims.scope],
    projectId: null,
    sub: null,
    mode: claims.mode,
    token: null,
    staff: {
      tokenId: claims.jti,
      sessionId: claims.session_id ?? null,
      issuedAt: claims.iat,
      expiresAt: claims.exp,
    },
  };
}

async function verified(trust: Trust, token: string, now: number): Promise<Verified | null> {
  try {
    const { payload, protectedHeader } = await jwtVerify(
      token,
      async ({ kid }) => {
        const key = await trust.tokenKey(kid ?? '');
        if (key === null) throw new errors.JWKSNoMatchingKey();
        return key;
      },
      {
        algorithms: ['EdDSA'],
        issuer: SESSION_TOKEN_ISSUER,
        audience: SESSION_TOKEN_AUDIENCE,
        clockTolerance: EXPIRY_SKEW_SECONDS,
        currentDate: new Date(now),
      },
    );
    const found = typed(protectedHeader.typ, protectedHeader.kid ?? '', payload);
    if (found === null || found.claims.iat > now / 1000 + CLOCK_SKEW_SECONDS) return null;
    return found;
  } catch (error) {
    // The signature was good: only whoever had the token is told.
    if (error instanceof errors.JWTExpired) throw expired();
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** By the header's type: a token of one kind can never pass for the other. */
function typed(type: string | undefined, kid: string, payload: unknown): Verified | null {
  if (type === SESSION_TOKEN_TYPE) {
    const { data } = sessionTokenClaims.safeParse(payload);
    return data === undefined ? null : { type, kid, claims: data };
  }
  if (type !== STAFF_TOKEN_TYPE) return null;
  const { data } = staffTokenClaims.safeParse(payload);
  return data === undefined ? null : { type, kid, claims: data };
}
