import {
  type CreateInvitationBody,
  type Invitation,
  isoTime,
  KartaError,
  LIMITS,
  newId,
} from '@karta/protocol';
import type { Database, Tx } from '../sql/database.ts';
import { linkTokenHash, newLinkToken } from './link-token.ts';
import type { InvitationRow } from './tables.ts';

/** Who the link comes from, and where the invitation is written down. */
export interface Inviter {
  label: string;
  byOperator: boolean;
}

/** Writes an invitation down. The token is in no row: only here, once. */
export async function insertInvitation(
  tx: Tx,
  orgId: string,
  { email, role }: CreateInvitationBody,
  inviter: Inviter,
): Promise<{ row: InvitationRow; token: string }> {
  const token = newLinkToken();
  const now = new Date();
  const row = await tx
    .insertInto('invitations')
    .values({
      id: newId('invitation'),
      org_id: orgId,
      email: email.toLowerCase(),
      role,
      token_hash: linkTokenHash(token),
      invited_by: inviter.label,
      by_operator: inviter.byOperator,
      created_at: now,
      expires_at: new Date(now.getTime() + LIMITS.invitationMs),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return { row, token };
}

/** The token stands behind `#`, which browsers keep to themselves and no server logs. */
export function invitationLink(publicUrl: string, token: string): string {
  return `${publicUrl}/invitations/accept#token=${token}`;
}

/** A pending invitation by its link's token. `KartaError`: `not_found`, `invitation_void`. */
export async function invitationByToken(database: Database | Tx, token: string) {
  const row = await database
    .selectFrom('invitations')
    .innerJoin('orgs', 'orgs.id', 'invitations.org_id')
    .where('token_hash', '=', linkTokenHash(token))
    .where('orgs.deleted_at', 'is', null)
    .selectAll('invitations')
    .select(['orgs.slug', 'orgs.name'])
    .executeTakeFirst();
  if (!row) throw new KartaError('not_found', 'There is no such invitation.');
  if (statusOf(row) !== 'pending') throw new KartaError('invitation_void');
  return row;
}

/** What has become of it. */
export function statusOf(row: InvitationRow): Invitation['status'] {
  if (row.accepted_at) return 'accepted';
  if (row.revoked_at) return 'revoked';
  return row.expires_at.getTime() > Date.now() ? 'pending' : 'expired';
}

/** An invitation as the wire has it. */
export function shownInvitation(row: InvitationRow): Invitation {
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    status: statusOf(row),
    invited_by: row.invited_by,
    created_at: isoTime(row.created_at),
    expires_at: isoTime(row.expires_at),
  };
}
