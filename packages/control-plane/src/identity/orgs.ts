import type { IdempotencyScope } from '@karta/http';
import { completeKey } from '@karta/postgres';
import {
  type CreateOrgBody,
  isoTime,
  KartaError,
  LIMITS,
  type Org,
  type OwnOrg,
  type Role,
} from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor, Person } from '../http/actor.ts';
import { deny } from '../keys/denials.ts';
import type { Database, Tx } from '../sql/database.ts';
import { addMember, insertOrg, lockOrg, slugTaken } from './org-rows.ts';
import type { OrgRow } from './tables.ts';

/** Orgs and who is in them. Everything else of an org belongs to other rooms. */
export interface Orgs {
  /** A new org, its maker the owner. `KartaError`: `already_exists`, `rate_limited`. */
  create(
    person: Pick<Person, 'id' | 'email'>,
    body: CreateOrgBody,
    once: IdempotencyScope | null,
  ): Promise<OwnOrg>;
  /** The orgs of a person, suspended ones included, by slug. */
  of(personId: string): Promise<OwnOrg[]>;
  get(orgId: string): Promise<Org>;
  rename(actor: OrgActor, name: string): Promise<Org>;
  /** Deletes it for everyone. `confirm` must be its slug. `KartaError('validation_failed')`. */
  remove(actor: OrgActor, confirm: string): Promise<void>;
}

/** `changed` resolves when the nodes have heard that something changed, or after a moment. */
export function createOrgs(database: Database, changed: () => Promise<void>): Orgs {
  return {
    create: (person, body, once) =>
      database.transaction().execute(async (tx) => {
        await requireFewOrgs(tx, person.id);
        const row = await insertOrg(tx, body);
        if (!row) throw slugTaken(body.slug);
        await addMember(tx, row.id, person.id, 'owner');
        if (once !== null) await completeKey(tx, once, row.id, 201);
        await recordAudit(tx, {
          actor: { kind: 'person', id: person.id, orgId: row.id, label: person.email },
          action: 'org.create',
          target: { kind: 'org', id: row.id },
          details: { slug: row.slug, name: row.name },
        });
        return shownOwn(row, 'owner');
      }),
    async of(personId) {
      const rows = await database
        .selectFrom('memberships')
        .innerJoin('orgs', 'orgs.id', 'memberships.org_id')
        .where('memberships.person_id', '=', personId)
        .where('orgs.deleted_at', 'is', null)
        .selectAll('orgs')
        .select('memberships.role')
        .orderBy('orgs.slug')
        .execute();
      return rows.map((row) => shownOwn(row, row.role));
    },
    async get(orgId) {
      const row = await database
        .selectFrom('orgs')
        .where('id', '=', orgId)
        .where('deleted_at', 'is', null)
        .selectAll()
        .executeTakeFirst();
      if (!row) throw new KartaError('not_found');
      return shown(row);
    },
    rename: (actor, name) =>
      database.transaction().execute(async (tx) => {
        const before = await lockOrg(tx, actor.orgId);
        const row = await tx
          .updateTable('orgs')
          .set({ name })
          .where('id', '=', actor.orgId)
          .returningAll()
          .executeTakeFirstOrThrow();
        await recordAudit(tx, {
          actor,
          action: 'org.update',
          target: { kind: 'org', id: row.id },
          details: { name: { from: before.name, to: name } },
        });
        return shown(row);
      }),
    async remove(actor, confirm) {
      await database.transaction().execute((tx) => removeOrg(tx, actor, confirm));
      await changed();
    },
  };
}

async function removeOrg(tx: Tx, actor: OrgActor, confirm: string): Promise<void> {
  const org = await lockOrg(tx, actor.orgId);
  if (confirm !== org.slug) {
    throw new KartaError('validation_failed', `"confirm" must be the org's slug, ${org.slug}.`);
  }
  const now = new Date();
  await tx.updateTable('orgs').set({ deleted_at: now }).where('id', '=', org.id).execute();
  await tx.deleteFrom('memberships').where('org_id', '=', org.id).execute();
  await tx
    .updateTable('invitations')
    .set({ revoked_at: now })
    .where('org_id', '=', org.id)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .execute();
  await deny(tx, { kind: 'org', id: org.id, orgId: org.id, forMs: null });
  await recordAudit(tx, {
    actor,
    action: 'org.delete',
    target: { kind: 'org', id: org.id },
    details: { slug: org.slug },
  });
}

/** Whoever signs up may make orgs, but not use up the slugs. */
async function requireFewOrgs(tx: Tx, personId: string): Promise<void> {
  // One at a time for each person.
  await tx.selectFrom('people').where('id', '=', personId).select('id').forUpdate().execute();
  const { owned } = await tx
    .selectFrom('memberships')
    .where('person_id', '=', personId)
    .where('role', '=', 'owner')
    .select((eb) => eb.fn.countAll<string>().as('owned'))
    .executeTakeFirstOrThrow();
  if (Number(owned) >= LIMITS.orgsPerPerson) {
    throw new KartaError('rate_limited', `A person may own at most ${LIMITS.orgsPerPerson} orgs.`);
  }
}

function shown(row: OrgRow): Org {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    default_project_id: row.default_project_id,
    created_at: isoTime(row.created_at),
  };
}

/** An org as one of its members sees it. */
export function shownOwn(row: OrgRow, role: Role): OwnOrg {
  const suspended = row.suspended_at && isoTime(row.suspended_at);
  return { ...shown(row), role, suspended_at: suspended };
}
