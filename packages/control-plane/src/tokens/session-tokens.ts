import {
  isId,
  isoTime,
  KartaError,
  type KeyMode,
  type MintedSessionToken,
  metadataProblem,
  newId,
  SESSION_TOKEN_AUDIENCE,
  SESSION_TOKEN_ISSUER,
  SESSION_TOKEN_TYPE,
  type SessionTokenClaims,
  type TokenScope,
} from '@karta/protocol';
import { SignJWT } from 'jose';
import type { TokenKeys } from './token-keys.ts';

/** A token to mint, once it is known that whoever asks may. */
export interface NewSessionToken {
  orgId: string;
  project: { id: string; ref: string };
  scopes: readonly TokenScope[];
  sub: string | null;
  sessionId: string | null;
  metadata: Readonly<Record<string, unknown>> | null;
  /** Seconds. */
  expiresIn: number;
  /** The credential behind it: revoking that revokes the token. */
  mintedBy: string;
  mode: KeyMode;
  /** Origins of an embed key; `null`: those of the project. */
  origins: readonly string[] | null;
}

/**
 * Signs a session token. Nothing of it is stored. Throws `KartaError('validation_failed')` when
 * its metadata could not be a session's, or its session's id is none.
 */
export async function signSessionToken(
  keys: TokenKeys,
  wanted: NewSessionToken,
): Promise<MintedSessionToken> {
  const { orgId, project, sub, sessionId, metadata, origins } = wanted;
  refuseBadPins(wanted);
  const { kid, key } = await keys.signing();
  const id = newId('token');
  const now = Math.floor(Date.now() / 1000);
  const exp = now + wanted.expiresIn;
  const claims: Omit<SessionTokenClaims, 'iat' | 'exp' | 'jti' | 'sub'> = {
    org_id: orgId,
    project_id: project.id,
    project_slug: project.ref,
    scope: [...new Set(wanted.scopes)].join(' '),
    minted_by: wanted.mintedBy,
    mode: wanted.mode,
    ...(sessionId === null ? {} : { session_id: sessionId }),
    ...(metadata === null ? {} : { metadata: { ...metadata } }),
    ...(origins === null ? {} : { origins: [...origins] }),
  };
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: SESSION_TOKEN_TYPE, kid })
    .setIssuer(SESSION_TOKEN_ISSUER)
    .setAudience(SESSION_TOKEN_AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(exp)
    .setJti(id);
  if (sub !== null) token.setSubject(sub);
  return {
    token: await token.sign(key),
    id,
    expires_at: isoTime(new Date(exp * 1000)),
    scopes: [...new Set(wanted.scopes)],
    sub,
    session_id: sessionId,
  };
}

function refuseBadPins({ metadata, sessionId }: NewSessionToken): void {
  const problem = metadata === null ? null : metadataProblem({ ...metadata });
  if (problem !== null) throw refusal('/metadata', problem);
  if (metadata !== null && Object.values(metadata).includes(null)) {
    throw refusal('/metadata', 'must not hold null: there is nothing to remove');
  }
  if (sessionId !== null && !isId('session', sessionId)) {
    throw refusal('/session_id', "is no session's id");
  }
}

function refusal(pointer: string, message: string): KartaError {
  return new KartaError('validation_failed', `${pointer}: ${message}`, {
    extra: { errors: [{ pointer, message }] },
  });
}
