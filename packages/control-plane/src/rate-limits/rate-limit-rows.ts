import {
  KartaError,
  LIMITS,
  limitsAnything,
  newId,
  type PatchRateLimitBody,
  RATE_FIGURES,
  type RateFigure,
  type RateFigures,
} from '@karta/protocol';
import { sql } from 'kysely';
import { type AuditActor, recordAudit } from '../audit/record.ts';
import type { Tx } from '../sql/database.ts';
import { violates } from '../sql/violation.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import type { RateLimitRow } from './tables.ts';

/** Whose limits these are, and who changes them. */
export interface LimitOwner {
  /** `null`: of every org. */
  orgId: string | null;
  setBy: RateLimitRow['set_by'];
  /** Whom it is shown to be made by. */
  label: string;
  /** Whom each audit log that tells of it names. */
  actors: readonly AuditActor[];
}

/** What makes a limit; its scope has been looked at. */
export type NewRateLimit = Pick<RateLimitRow, 'scope' | 'scope_id'> & RateFigures;

/** Makes a limit, with its audit row. Throws `KartaError`: `already_exists`, `too_many_rate_limits`. */
export async function insertRateLimit(
  tx: Tx,
  owner: LimitOwner,
  made: NewRateLimit,
): Promise<RateLimitRow> {
  const { orgId, setBy, label } = owner;
  // Numbers the change first: whoever else changes limits waits here, so that the count holds.
  const revision = await nextRevision(tx);
  await requireFewer(tx, owner);
  const now = new Date();
  const row: RateLimitRow = {
    id: newId('rate_limit'),
    org_id: orgId,
    set_by: setBy,
    scope: made.scope,
    scope_id: made.scope_id,
    ...columns(made),
    created_by: label,
    created_at: now,
    updated_at: now,
  };
  try {
    await tx.insertInto('rate_limits').values(row).execute();
  } catch (error) {
    if (!violates(error, 'rate_limits_object')) throw error;
    throw new KartaError('already_exists', 'There is a rate limit on the same; change that one.');
  }
  await noteChange(tx, orgId, revision);
  await audit(tx, owner, 'rate_limits.create', row, { scope: row.scope, scope_id: row.scope_id });
  return row;
}

/** Changes figures. Throws `KartaError`: `not_found`, `validation_failed` when none would be left. */
export async function changeRateLimit(
  tx: Tx,
  owner: LimitOwner,
  id: string,
  change: PatchRateLimitBody,
): Promise<RateLimitRow> {
  const revision = await nextRevision(tx);
  const before = await findRateLimit(tx, owner, id);
  const figures = changed(figuresOf(before), change);
  if (!limitsAnything(figures)) {
    const message = 'would limit nothing any more; remove it instead';
    throw new KartaError('validation_failed', `The rate limit ${message}.`, {
      extra: { errors: [{ pointer: '', message }] },
    });
  }
  const row = { ...before, ...columns(figures), updated_at: new Date() };
  await tx
    .updateTable('rate_limits')
    .set({ ...columns(figures), updated_at: row.updated_at })
    .where('id', '=', id)
    .execute();
  await noteChange(tx, row.org_id, revision);
  await audit(tx, owner, 'rate_limits.update', row, { previous: figuresOf(before) });
  return row;
}

/** Throws `KartaError('not_found')`. */
export async function removeRateLimit(tx: Tx, owner: LimitOwner, id: string): Promise<void> {
  const revision = await nextRevision(tx);
  const row = await findRateLimit(tx, owner, id);
  await tx.deleteFrom('rate_limits').where('id', '=', id).execute();
  await noteChange(tx, row.org_id, revision);
  await audit(tx, owner, 'rate_limits.delete', row, { scope: row.scope, scope_id: row.scope_id });
}

function changed(was: RateFigures, change: PatchRateLimitBody): RateFigures {
  const figure = (name: RateFigure) => {
    const given = change[name];
    return given === undefined ? was[name] : given;
  };
  return {
    requests_per_minute: figure('requests_per_minute'),
    tokens_per_minute: figure('tokens_per_minute'),
    concurrent_turns: figure('concurrent_turns'),
  };
}

/** The figures of a row. */
export function figuresOf(row: RateLimitRow): RateFigures {
  const { requests_per_minute, tokens_per_minute, concurrent_turns } = row;
  const tokens = tokens_per_minute === null ? null : Number(tokens_per_minute);
  return { requests_per_minute, tokens_per_minute: tokens, concurrent_turns };
}

function columns(figures: RateFigures) {
  const { requests_per_minute, tokens_per_minute, concurrent_turns } = figures;
  const tokens = tokens_per_minute === null ? null : String(tokens_per_minute);
  return { requests_per_minute, tokens_per_minute: tokens, concurrent_turns };
}

/** An operator's own limits of any org, or the org's own limits. */
async function findRateLimit(tx: Tx, owner: LimitOwner, id: string): Promise<RateLimitRow> {
  let query = tx
    .selectFrom('rate_limits')
    .selectAll()
    .where('id', '=', id)
    .where('set_by', '=', owner.setBy);
  if (owner.setBy === 'org') query = query.where('org_id', '=', owner.orgId);
  const found = await query.executeTakeFirst();
  if (found === undefined) throw new KartaError('not_found', 'There is no such rate limit.');
  return found;
}

async function requireFewer(tx: Tx, { orgId, setBy }: LimitOwner): Promise<void> {
  const { count } = await tx
    .selectFrom('rate_limits')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('set_by', '=', setBy)
    .where(sql`coalesce(org_id, '')`, '=', orgId ?? '')
    .executeTakeFirstOrThrow();
  if (Number(count) >= LIMITS.rateLimitsPerOrg) throw new KartaError('too_many_rate_limits');
}

async function noteChange(tx: Tx, orgId: string | null, revision: number): Promise<void> {
  await tx
    .insertInto('rate_limit_changes')
    .values({ org_id: orgId ?? '', revision })
    .onConflict((conflict) => conflict.column('org_id').doUpdateSet({ revision }))
    .execute();
}

async function audit(
  tx: Tx,
  { actors }: LimitOwner,
  action: string,
  row: RateLimitRow,
  more: Record<string, unknown>,
): Promise<void> {
  const figures = figuresOf(row);
  const set = RATE_FIGURES.filter((name) => figures[name] !== null);
  const details = { ...more, ...Object.fromEntries(set.map((name) => [name, figures[name]])) };
  const target = { kind: 'rate_limit', id: row.id };
  for (const actor of actors) await recordAudit(tx, { actor, action, target, details });
}
