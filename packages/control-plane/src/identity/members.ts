import {
  isoTime,
  KartaError,
  LIMITS,
  type Member,
  type Role,
  staffDenialId,
} from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import { deny } from '../keys/denials.ts';
import type { Database, Tx } from '../sql/database.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import { lockOrg } from './org-rows.ts';
import { roleMay } from './permissions.ts';

/** Who is in an org, as what. Changes are made one after the other in each org. */
export interface Members {
  list(orgId: string): Promise<Member[]>;
  /** `KartaError`: `not_found`, `forbidden` (owners are changed by owners), `last_owner`. */
  setRole(actor: OrgActor, personId: string, role: Role): Promise<Member>;
  /** As `setRole`. */
  remove(actor: OrgActor, personId: string): Promise<void>;
  /** The actor leaves. `KartaError('last_owner')`. */
  leave(actor: OrgActor): Promise<void>;
}

/** `changed` resolves when the nodes have heard that something changed, or after a moment. */
export function createMembers(database: Database, changed: () => Promise<void>): Members {
  return {
    list: (orgId) => membersOf(database, orgId),
    async setRole(actor, personId, role) {
      const member = await database.transaction().execute(async (tx) => {
        await lockOrg(tx, actor.orgId);
        const before = await memberOf(tx, actor.orgId, personId);
        if (before.role === role) return before;
        await requireRank(tx, actor, [before.role, role]);
        if (before.role === 'owner') await requireOtherOwner(tx, actor.orgId, personId);
        await tx
          .updateTable('memberships')
          .set({ role })
          .where('org_id', '=', actor.orgId)
          .where('person_id', '=', personId)
          .execute();
        await emitWebhook(tx, {
          orgId: actor.orgId,
          type: 'member.role_changed',
          data: { person_id: personId, role, previous_role: before.role },
        });
        await refuseStaffTokens(tx, actor.orgId, personId);
        await recordAudit(tx, {
          actor,
          action: 'members.update',
          target: { kind: 'person', id: personId },
          details: { email: before.email, role: { from: before.role, to: role } },
        });
        return { ...before, role };
      });
      await changed();
      return member;
    },
    async remove(actor, personId) {
      await takeOut(database, actor, personId, 'members.remove');
      await changed();
    },
    async leave(actor) {
      await takeOut(database, actor, actor.id, 'members.leave');
      await changed();
    },
  };
}

/** How long a denial outlives every staff token that it is about, in milliseconds. */
const STAFF_DENIED_MS = LIMITS.staffTokenMs + LIMITS.streamGraceMs;

/** What somebody could do by their former role ends at once, on every node. */
function refuseStaffTokens(tx: Tx, orgId: string, personId: string): Promise<void> {
  return deny(tx, {
    kind: 'staff',
    id: staffDenialId(orgId, personId),
    orgId,
    issuedBeforeNow: true,
    forMs: STAFF_DENIED_MS,
  });
}

function takeOut(
  database: Database,
  actor: OrgActor,
  personId: string,
  action: 'members.remove' | 'members.leave',
): Promise<void> {
  return database.transaction().execute(async (tx) => {
    await lockOrg(tx, actor.orgId);
    const gone = await memberOf(tx, actor.orgId, personId);
    if (action === 'members.remove') await requireRank(tx, actor, [gone.role]);
    if (gone.role === 'owner') await requireOtherOwner(tx, actor.orgId, personId);
    await tx
      .deleteFrom('memberships')
      .where('org_id', '=', actor.orgId)
      .where('person_id', '=', personId)
      .execute();
    await emitWebhook(tx, {
      orgId: actor.orgId,
      type: 'member.removed',
      data: { person_id: personId, role: gone.role },
    });
    await refuseStaffTokens(tx, actor.orgId, personId);
    await recordAudit(tx, {
      actor,
      action,
      target: { kind: 'person', id: personId },
      details: { email: gone.email, role: gone.role },
    });
  });
}

/**
 * Whether the actor may still give and take these roles. Asked anew under the org's lock: it may
 * have been demoted since its request came in. `KartaError('forbidden')`.
 */
export async function requireRank(tx: Tx, actor: OrgActor, roles: readonly Role[]): Promise<void> {
  const held = await tx
    .selectFrom('memberships')
    .where('org_id', '=', actor.orgId)
    .where('person_id', '=', actor.id)
    .select('role')
    .executeTakeFirst();
  if (!held || !roleMay(held.role, 'members.manage')) {
    throw new KartaError('forbidden', 'Your role changed meanwhile; you may no longer do this.');
  }
  if (roles.includes('owner') && !roleMay(held.role, 'owners.manage')) {
    throw new KartaError('forbidden', 'Only an owner may make, change or remove owners.');
  }
}

async function requireOtherOwner(tx: Tx, orgId: string, personId: string): Promise<void> {
  const other = await tx
    .selectFrom('memberships')
    .where('org_id', '=', orgId)
    .where('role', '=', 'owner')
    .where('person_id', '!=', personId)
    .select('person_id')
    .limit(1)
    .executeTakeFirst();
  if (!other) throw new KartaError('last_owner');
}

async function memberOf(tx: Tx, orgId: string, personId: string): Promise<Member> {
  const [member] = await membersOf(tx, orgId, personId);
  if (!member) throw new KartaError('not_found', 'The org has no such member.');
  return member;
}

async function membersOf(
  database: Database | Tx,
  orgId: string,
  personId?: string,
): Promise<Member[]> {
  let query = database
    .selectFrom('memberships')
    .innerJoin('people', 'people.id', 'memberships.person_id')
    .where('org_id', '=', orgId)
    .select(['person_id', 'email', 'name', 'role', 'memberships.created_at'])
    .orderBy('memberships.created_at')
    .orderBy('person_id');
  if (personId !== undefined) query = query.where('person_id', '=', personId);
  const rows = await query.execute();
  return rows.map((row) => ({ ...row, created_at: isoTime(row.created_at) }));
}
