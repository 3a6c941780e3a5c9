import {
  type createOperatorRateLimitBody,
  type createRateLimitBody,
  isoTime,
  KartaError,
  type OperatorRateLimit,
  type PatchRateLimitBody,
  type RateLimitView,
} from '@karta/protocol';
import type { z } from 'zod';
import { scopeObject } from '../budgets/scope-object.ts';
import type { Operator, OrgActor } from '../http/actor.ts';
import { platformActor } from '../operator/operators.ts';
import type { Database, Tx } from '../sql/database.ts';
import {
  changeRateLimit,
  figuresOf,
  insertRateLimit,
  type LimitOwner,
  removeRateLimit,
} from './rate-limit-rows.ts';
import type { RateLimitRow } from './tables.ts';

export interface RateLimitsParts {
  database: Database;
  /** A change is committed: resolves when the nodes have heard of it, or after a moment. */
  changed(): Promise<void>;
}

/** The rate limits of an org. Throws `KartaError('not_found')` for one that it does not have. */
export interface RateLimits {
  /** `KartaError`: `validation_failed`, `already_exists`, `too_many_rate_limits`. */
  create(actor: OrgActor, body: z.output<typeof createRateLimitBody>): Promise<RateLimitView>;
  /** Those that rule in the org, an operator's too, newest first. */
  list(orgId: string): Promise<RateLimitView[]>;
  get(orgId: string, id: string): Promise<RateLimitView>;
  change(actor: OrgActor, id: string, body: PatchRateLimitBody): Promise<RateLimitView>;
  remove(actor: OrgActor, id: string): Promise<void>;
}

export function createRateLimits({ database, changed }: RateLimitsParts): RateLimits {
  const within = applying(database, changed);

  function ruling(orgId: string) {
    return database
      .selectFrom('rate_limits')
      .selectAll()
      .where((eb) => eb.or([eb('org_id', '=', orgId), eb('org_id', 'is', null)]))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc');
  }

  return {
    create: (actor, body) =>
      within(async (tx) => {
        const scope_id = await scopeObject(tx, actor.orgId, body);
        return shown(await insertRateLimit(tx, ownerOf(actor), { ...body, scope_id }));
      }),
    list: async (orgId) => (await ruling(orgId).execute()).map(shown),
    async get(orgId, id) {
      const row = await ruling(orgId).where('id', '=', id).executeTakeFirst();
      if (row === undefined) throw new KartaError('not_found', 'There is no such rate limit.');
      return shown(row);
    },
    change: (actor, id, body) =>
      within(async (tx) => shown(await changeRateLimit(tx, ownerOf(actor), id, body))),
    remove: (actor, id) => within((tx) => removeRateLimit(tx, ownerOf(actor), id)),
  };
}

/** What operators set: in every org, or other figures for one. */
export interface OperatorRateLimits {
  /** `KartaError`: `not_found` for the org, `already_exists`, `too_many_rate_limits`. */
  create(
    by: Operator,
    body: z.output<typeof createOperatorRateLimitBody>,
  ): Promise<OperatorRateLimit>;
  list(): Promise<OperatorRateLimit[]>;
  change(by: Operator, id: string, body: PatchRateLimitBody): Promise<OperatorRateLimit>;
  remove(by: Operator, id: string): Promise<void>;
}

export function createOperatorRateLimits({
  database,
  changed,
}: RateLimitsParts): OperatorRateLimits {
  const within = applying(database, changed);
  const orgOf = async (tx: Tx, id: string) =>
    (
      await tx
        .selectFrom('rate_limits')
        .select('org_id')
        .where('id', '=', id)
        .where('set_by', '=', 'operator')
        .executeTakeFirst()
    )?.org_id ?? null;

  return {
    create: (by, { org_id: orgId, ...body }) =>
      within(async (tx) => {
        if (orgId !== null) await requireOrg(tx, orgId);
        const made = { ...body, scope_id: null };
        return operated(await insertRateLimit(tx, operatorOf(by, orgId), made));
      }),
    async list() {
      const rows = await database
        .selectFrom('rate_limits')
        .selectAll()
        .where('set_by', '=', 'operator')
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(operated);
    },
    change: (by, id, body) =>
      within(async (tx) =>
        operated(await changeRateLimit(tx, operatorOf(by, await orgOf(tx, id)), id, body)),
      ),
    remove: (by, id) =>
      within(async (tx) => removeRateLimit(tx, operatorOf(by, await orgOf(tx, id)), id)),
  };
}

/** Makes a change in a transaction of its own, then has the nodes hear of it. */
function applying(database: Database, changed: () => Promise<void>) {
  return async <T>(change: (tx: Tx) => Promise<T>): Promise<T> => {
    const result = await database.transaction().execute(change);
    await changed();
    return result;
  };
}

function ownerOf(actor: OrgActor): LimitOwner {
  return { orgId: actor.orgId, setBy: 'org', label: actor.label, actors: [actor] };
}

/** The org's own log tells that an operator did it, the server's tells which. */
function operatorOf(by: Operator, orgId: string | null): LimitOwner {
  const shownActor = { kind: 'operator', id: by.id, label: 'operator' } as const;
  return {
    orgId,
    setBy: 'operator',
    label: by.email,
    actors: [...(orgId === null ? [] : [{ ...shownActor, orgId }]), platformActor(by)],
  };
}

async function requireOrg(tx: Tx, orgId: string): Promise<void> {
  const found = await tx
    .selectFrom('orgs')
    .select('id')
    .where('id', '=', orgId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  if (found === undefined) throw new KartaError('not_found', 'There is no such org.');
}

function shown(row: RateLimitRow): RateLimitView {
  return {
    id: row.id,
    set_by: row.set_by,
    scope: row.scope,
    scope_id: row.scope_id,
    ...figuresOf(row),
    created_by: row.set_by === 'operator' ? 'operator' : row.created_by,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
  };
}

function operated(row: RateLimitRow): OperatorRateLimit {
  return {
    id: row.id,
    org_id: row.org_id,
    scope: row.scope,
    ...figuresOf(row),
    created_by: row.created_by,
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
  };
}
