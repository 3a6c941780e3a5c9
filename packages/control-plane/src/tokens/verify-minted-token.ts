import {
  SESSION_TOKEN_AUDIENCE,
  SESSION_TOKEN_ISSUER,
  SESSION_TOKEN_TYPE,
  STAFF_TOKEN_TYPE,
  sessionTokenClaims,
  staffDenialId,
  staffTokenClaims,
} from '@karta/protocol';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { DenialTable } from '../keys/tables.ts';
import type { Database } from '../sql/database.ts';
import type { TokenKeys } from './token-keys.ts';

/** Whose token a node has met. */
export interface VerifiedToken {
  jti: string;
  orgId: string;
  mode: 'live' | 'test';
}

/** Whose a session token or staff token is that is good now; `null` for any other. */
export async function verifyMintedToken(
  database: Database,
  tokenKeys: TokenKeys,
  token: string,
): Promise<VerifiedToken | null> {
  // The set has what was put into it when the keys were made.
  const keys = createLocalJWKSet((await tokenKeys.publicSet()) as JSONWebKeySet);
  const rules = {
    algorithms: ['EdDSA'],
    issuer: SESSION_TOKEN_ISSUER,
    audience: SESSION_TOKEN_AUDIENCE,
  };
  const verified = await jwtVerify(token, keys, rules).catch(() => null);
  const denials = deniedBy(verified?.protectedHeader.typ, verified?.payload);
  if (denials === null) return null;
  return (await isDenied(database, denials)) ? null : denials;
}

/** What could refuse a token; `null` for what is none. */
function deniedBy(typ: string | undefined, payload: unknown): Deniable | null {
  if (typ === SESSION_TOKEN_TYPE) {
    const { data } = sessionTokenClaims.safeParse(payload);
    if (data === undefined) return null;
    const { jti, iat, org_id: orgId, mode, minted_by, project_id } = data;
    return {
      jti,
      iat,
      orgId,
      mode,
      whole: ['api_key', minted_by],
      dated: ['project_tokens', project_id],
    };
  }
  if (typ !== STAFF_TOKEN_TYPE) return null;
  const { data } = staffTokenClaims.safeParse(payload);
  if (data === undefined) return null;
  const { jti, iat, org_id: orgId, mode, sub } = data;
  return { jti, iat, orgId, mode, whole: null, dated: ['staff', staffDenialId(orgId, sub)] };
}

type Named = readonly [DenialTable['kind'], string];

interface Deniable extends VerifiedToken {
  iat: number;
  /** What refuses it whenever it was issued, beside itself and its org. */
  whole: Named | null;
  /** What refuses it when it was issued before. */
  dated: Named;
}

async function isDenied(database: Database, token: Deniable): Promise<boolean> {
  const always: Named[] = [
    ['jti', token.jti],
    ['org', token.orgId],
    ...(token.whole === null ? [] : [token.whole]),
  ];
  const [kind, id] = token.dated;
  const denial = await database
    .selectFrom('denials')
    .select('kind')
    .where('until', '>', new Date())
    .where((eb) =>
      eb.or([
        ...always.map(([kind, id]) => eb.and([eb('kind', '=', kind), eb('id', '=', id)])),
        eb.and([
          eb('kind', '=', kind),
          eb('id', '=', id),
          eb('issued_before', '>', String(token.iat)),
        ]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return denial !== undefined;
}
