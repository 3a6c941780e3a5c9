import {
  KartaError,
  SESSION_TOKEN_AUDIENCE,
  SESSION_TOKEN_ISSUER,
  SESSION_TOKEN_TYPE,
  sessionTokenClaims,
  tokenScope,
} from '@karta/protocol';
import { errors, jwtVerify } from 'jose';
import type { Principal } from '../port.ts';
import type { Trust } from './trust.ts';

/** How far the clocks of the planes may be apart, in seconds. */
const CLOCK_SKEW_SECONDS = 30;

/** Whether a credential has the form of a JWT. */
export function isJwt(credential: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(credential);
}

/**
 * Who a session token is for, verified without asking anybody; `null` for one that is not good.
 * Throws `KartaError('org_suspended')`. `now` in milliseconds since the epoch.
 */
export async function verifySessionToken(
  trust: Trust,
  token: string,
  now: number = Date.now(),
): Promise<Principal | null> {
  const payload = await verifiedPayload(trust, token, now);
  const parsed = sessionTokenClaims.safeParse(payload);
  if (!parsed.success) return null;
  const claims = parsed.data;
  if (claims.iat > now / 1000 + CLOCK_SKEW_SECONDS) return null;
  const refusal = trust.refusesToken(claims);
  if (refusal === 'org_suspended') throw new KartaError('org_suspended');
  if (refusal !== null) return null;
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

async function verifiedPayload(trust: Trust, token: string, now: number): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => {
        const key = await trust.tokenKey(kid ?? '');
        if (key === null) throw new errors.JWKSNoMatchingKey();
        return key;
      },
      {
        algorithms: ['EdDSA'],
        typ: SESSION_TOKEN_TYPE,
        issuer: SESSION_TOKEN_ISSUER,
        audience: SESSION_TOKEN_AUDIENCE,
        // A clock that is behind must not lengthen a token's life; one ahead, not shorten it much.
        clockTolerance: 1,
        currentDate: new Date(now),
      },
    );
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
