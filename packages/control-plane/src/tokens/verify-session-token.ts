import {
  SESSION_TOKEN_AUDIENCE,
  SESSION_TOKEN_ISSUER,
  SESSION_TOKEN_TYPE,
  type SessionTokenClaims,
  sessionTokenClaims,
} from '@karta/protocol';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { Database } from '../sql/database.ts';
import type { TokenKeys } from './token-keys.ts';

/** The claims of a session token that is good now; `null` for any other. */
export async function verifySessionToken(
  database: Database,
  tokenKeys: TokenKeys,
  token: string,
): Promise<SessionTokenClaims | null> {
  // The set has what was put into it when the keys were made.
  const keys = createLocalJWKSet((await tokenKeys.publicSet()) as JSONWebKeySet);
  const verified = await jwtVerify(token, keys, {
    algorithms: ['EdDSA'],
    typ: SESSION_TOKEN_TYPE,
    issuer: SESSION_TOKEN_ISSUER,
    audience: SESSION_TOKEN_AUDIENCE,
  }).catch(() => null);
  const parsed = sessionTokenClaims.safeParse(verified?.payload);
  if (!parsed.success) return null;
  const claims = parsed.data;
  return (await isDenied(database, claims)) ? null : claims;
}

async function isDenied(database: Database, claims: SessionTokenClaims): Promise<boolean> {
  const denial = await database
    .selectFrom('denials')
    .select('kind')
    .where('until', '>', new Date())
    .where((eb) =>
      eb.or([
        eb.and([eb('kind', '=', 'jti'), eb('id', '=', claims.jti)]),
        eb.and([eb('kind', '=', 'api_key'), eb('id', '=', claims.minted_by)]),
        eb.and([eb('kind', '=', 'org'), eb('id', '=', claims.org_id)]),
        eb.and([
          eb('kind', '=', 'project_tokens'),
          eb('id', '=', claims.project_id),
          eb('issued_before', '>', String(claims.iat)),
        ]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return denial !== undefined;
}
