import {
  type CreatedInvitation,
  type CreateInvitationBody,
  isoTime,
  KartaError,
  type OperatedOrg,
  type operatedOrgQuery,
  type operatorCreateOrgBody,
} from '@karta/protocol';
import { sql } from 'kysely';
import type { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../http/actor.ts';
import { insertInvitation, invitationLink, shownInvitation } from '../identity/invitation-rows.ts';
import { insertOrg, lockOrg, slugTaken } from '../identity/org-rows.ts';
import type { OrgRow } from '../identity/tables.ts';
import { deny, lift } from '../keys/denials.ts';
import type { Database, Tx } from '../sql/database.ts';
import { platformActor } from './operators.ts';

/** What an operator does with orgs: sees that they are there, makes them, suspends them. */
export interface OperatedOrgs {
  list(
    query: z.output<typeof operatedOrgQuery>,
  ): Promise<{ orgs: OperatedOrg[]; next_cursor: string | null }>;
  /** `KartaError('already_exists')`. */
  create(
    by: Operator,
    body: z.output<typeof operatorCreateOrgBody>,
  ): Promise<{ org: OperatedOrg; invitation: CreatedInvitation }>;
  /**
   * Invites somebody into an org that has nobody to do so, such as that of a local start.
   * `KartaError('not_found')`.
   */
  invite(by: Operator, orgId: string, body: CreateInvitationBody): Promise<CreatedInvitation>;
  /** From now on every call is refused, and nodes hear of it. `KartaError('not_found')`. */
  suspend(by: Operator, orgId: string, reason: string): Promise<OperatedOrg>;
  unsuspend(by: Operator, orgId: string): Promise<OperatedOrg>;
}

export interface OperatedOrgsDeps {
  database: Database;
  /** Where people reach the control plane. */
  publicUrl: string;
  changed(): Promise<void>;
}

export function createOperatedOrgs({
  database,
  publicUrl,
  changed,
}: OperatedOrgsDeps): OperatedOrgs {
  async function invited(
    tx: Tx,
    orgId: string,
    body: CreateInvitationBody,
  ): Promise<CreatedInvitation> {
    const inviter = { label: 'operator', byOperator: true };
    const { row, token } = await insertInvitation(tx, orgId, body, inviter);
    const link = invitationLink(publicUrl, token);
    return { ...shownInvitation(row), emailed: false, link };
  }

  return {
    async list({ search, suspended, limit, cursor }) {
      let query = rowsOf(database)
        .orderBy('slug')
        .limit(limit + 1);
      if (cursor !== undefined) query = query.where('slug', '>', cursor);
      if (suspended !== undefined) {
        query = query.where('suspended_at', suspended ? 'is not' : 'is', null);
      }
      if (search !== undefined) {
        query = query.where(sql<boolean>`strpos(lower(slug || ' ' || name), lower(${search})) > 0`);
      }
      const rows = await query.execute();
      const page = rows.slice(0, limit);
      const more = rows.length > limit;
      return { orgs: page.map(shown), next_cursor: more ? (page.at(-1)?.slug ?? null) : null };
    },
    create: (by, { slug, name, owner_email: email }) =>
      database.transaction().execute(async (tx) => {
        const org = await insertOrg(tx, { slug, name });
        if (!org) throw slugTaken(slug);
        const invitation = await invited(tx, org.id, { email, role: 'owner' });
        await recordBoth(tx, by, org, 'org.create', { slug, name, owner: email });
        return { org: shown({ ...org, members: '0' }), invitation };
      }),
    invite: (by, orgId, body) =>
      database.transaction().execute(async (tx) => {
        const org = await lockOrg(tx, orgId);
        const invitation = await invited(tx, orgId, body);
        await recordBoth(tx, by, org, 'invitations.create', { email: body.email, role: body.role });
        return invitation;
      }),
    async suspend(by, orgId, reason) {
      await database.transaction().execute(async (tx) => {
        const org = await lockOrg(tx, orgId);
        if (org.suspended_at) return;
        await setSuspended(tx, orgId, new Date());
        await deny(tx, { kind: 'org', id: orgId, orgId, forMs: null });
        await recordBoth(tx, by, org, 'org.suspend', { reason });
      });
      await changed();
      return oneOf(database, orgId);
    },
    async unsuspend(by, orgId) {
      await database.transaction().execute(async (tx) => {
        const org = await lockOrg(tx, orgId);
        if (!org.suspended_at) return;
        await setSuspended(tx, orgId, null);
        await lift(tx, 'org', orgId);
        await recordBoth(tx, by, org, 'org.unsuspend', {});
      });
      await changed();
      return oneOf(database, orgId);
    },
  };
}

async function setSuspended(tx: Tx, orgId: string, at: Date | null): Promise<void> {
  await tx.updateTable('orgs').set({ suspended_at: at }).where('id', '=', orgId).execute();
}

/** In the org's own log, which its admins read, and in the server's, which says who it was. */
async function recordBoth(
  tx: Tx,
  by: Operator,
  org: OrgRow,
  action: string,
  details: Record<string, unknown>,
): Promise<void> {
  const target = { kind: 'org', id: org.id };
  const shownActor = { kind: 'operator', id: by.id, orgId: org.id, label: 'operator' } as const;
  await recordAudit(tx, { actor: shownActor, action, target, details });
  await recordAudit(tx, { actor: platformActor(by), action, target, details });
}

function rowsOf(database: Database) {
  return database
    .selectFrom('orgs')
    .where('deleted_at', 'is', null)
    .selectAll('orgs')
    .select((eb) =>
      eb
        .selectFrom('memberships')
        .whereRef('memberships.org_id', '=', 'orgs.id')
        .select((inner) => inner.fn.countAll<string>().as('members'))
        .as('members'),
    );
}

async function oneOf(database: Database, orgId: string): Promise<OperatedOrg> {
  const row = await rowsOf(database).where('id', '=', orgId).executeTakeFirst();
  if (!row) throw new KartaError('not_found');
  return shown(row);
}

function shown(row: OrgRow & { members: string | null }): OperatedOrg {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    default_project_id: row.default_project_id,
    created_at: isoTime(row.created_at),
    suspended_at: row.suspended_at && isoTime(row.suspended_at),
    members: Number(row.members ?? 0),
  };
}
