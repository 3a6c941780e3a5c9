import { setTimeout as delay } from 'node:timers/promises';
import {
  isId,
  isoTime,
  KartaError,
  type MintedStaffToken,
  type mintStaffTokenBody,
  newId,
  type Role,
  SESSION_TOKEN_AUDIENCE,
  SESSION_TOKEN_ISSUER,
  STAFF_TOKEN_SECONDS,
  STAFF_TOKEN_TYPE,
  type StaffTokenClaims,
  staffDenialId,
} from '@karta/protocol';
import { SignJWT } from 'jose';
import type { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import { type OrgActor, requireRole } from '../http/actor.ts';
import type { Database, Tx } from '../sql/database.ts';
import type { TokenKeys } from './token-keys.ts';

/**
 * Signs a token by which a signed-in person reads and talks on the data plane, bounded by the role
 * that they have now, and writes it into the audit log: conversations never pass through here, so
 * this row is what tells who could read them. Throws `KartaError`: `forbidden` when the role does
 * not suffice, `validation_failed` when the session's id is none.
 */
export async function mintStaffToken(
  parts: { database: Database; tokenKeys: TokenKeys },
  actor: OrgActor,
  { scope, mode, session_id: sessionId }: z.output<typeof mintStaffTokenBody>,
): Promise<MintedStaffToken> {
  if (sessionId !== undefined && !isId('session', sessionId)) {
    throw new KartaError('validation_failed', "/session_id: is no session's id", {
      extra: { errors: [{ pointer: '/session_id', message: "is no session's id" }] },
    });
  }
  const { kid, key } = await parts.tokenKeys.signing();
  const id = newId('token');
  const iat = await parts.database.transaction().execute(async (tx) => {
    const role = await roleNow(tx, actor);
    requireRole({ ...actor, role }, scope === 'write' ? 'sessions.write' : 'sessions.read');
    await afterDenial(tx, actor);
    const now = Math.floor(Date.now() / 1000);
    await recordAudit(tx, {
      actor,
      action: 'staff_tokens.mint',
      target: { kind: 'staff_token', id },
      details: { scope, mode, role, session_id: sessionId ?? null },
    });
    return now;
  });
  const exp = iat + STAFF_TOKEN_SECONDS;
  const claims: Omit<StaffTokenClaims, 'iat' | 'exp' | 'jti' | 'sub'> = {
    org_id: actor.orgId,
    scope,
    mode,
    ...(sessionId === undefined ? {} : { session_id: sessionId }),
  };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', typ: STAFF_TOKEN_TYPE, kid })
    .setIssuer(SESSION_TOKEN_ISSUER)
    .setAudience(SESSION_TOKEN_AUDIENCE)
    .setSubject(actor.id)
    .setIssuedAt(iat)
    .setExpirationTime(exp)
    .setJti(id)
    .sign(key);
  const expiresAt = isoTime(new Date(exp * 1000));
  return { token, id, expires_at: expiresAt, scope, session_id: sessionId ?? null };
}

/**
 * The role as it is now, which stays until the transaction ends: a change of it refuses every token
 * minted before, and must not miss this one.
 */
async function roleNow(tx: Tx, actor: OrgActor): Promise<Role> {
  const held = await tx
    .selectFrom('memberships')
    .where('org_id', '=', actor.orgId)
    .where('person_id', '=', actor.id)
    .select('role')
    .forShare()
    .executeTakeFirst();
  if (held === undefined) throw new KartaError('not_found', 'You are in no such org.');
  return held.role;
}

/**
 * Times in tokens are whole seconds, and a change of role refuses those of its own second: what is
 * minted after it waits for the next one.
 */
async function afterDenial(tx: Tx, actor: OrgActor): Promise<void> {
  const denial = await tx
    .selectFrom('denials')
    .select('issued_before')
    .where('kind', '=', 'staff')
    .where('id', '=', staffDenialId(actor.orgId, actor.id))
    .executeTakeFirst();
  const wait = Number(denial?.issued_before ?? 0) * 1000 - Date.now();
  if (wait > 0) await delay(wait);
}
