import {
  type BudgetUse,
  type BudgetView,
  type budgetUseQuery,
  type createBudgetBody,
  KartaError,
  limitFor,
  limitOf,
  type PatchBudgetBody,
} from '@karta/protocol';
import { sql } from 'kysely';
import type { z } from 'zod';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Database, Tx } from '../sql/database.ts';
import { newestFirst, type PageAsked } from '../sql/newest-first.ts';
import { budgetUses, budgetViews } from './budget-view.ts';
import { insertBudget } from './insert-budget.ts';
import { lockBudgets } from './org-lock.ts';
import { invalid, scopeObject } from './scope-object.ts';
import type { BudgetRow } from './tables.ts';

/** The caps of an org. Every method throws `KartaError('not_found')` for one that it does not have. */
export interface Budgets {
  /** `KartaError`: `validation_failed`, `budget_limit`. */
  create(actor: OrgActor, body: z.output<typeof createBudgetBody>): Promise<BudgetView>;
  /** Newest first. */
  list(
    orgId: string,
    page: PageAsked,
  ): Promise<{ budgets: BudgetView[]; nextCursor: string | null }>;
  get(orgId: string, id: string): Promise<BudgetView>;
  /** Who used most of it in the window now. */
  usage(orgId: string, id: string, query: z.output<typeof budgetUseQuery>): Promise<BudgetUse[]>;
  /** A limit below what is spent is taken: nothing more is spent from now on. */
  change(actor: OrgActor, id: string, body: PatchBudgetBody): Promise<BudgetView>;
  remove(actor: OrgActor, id: string): Promise<void>;
}

export interface BudgetsParts {
  database: Database;
  /** Has the nodes give back what they hold of the org, and ask anew. */
  invalidate(orgId: string): Promise<void>;
  now(): Date;
}

export function createBudgets({ database, invalidate, now }: BudgetsParts): Budgets {
  async function view(from: Database | Tx, budget: BudgetRow): Promise<BudgetView> {
    const [shown] = await budgetViews(from, [budget], now());
    if (shown === undefined) throw new Error(`no view of ${budget.id}`);
    return shown;
  }

  return {
    async create(actor, body) {
      const made = await database.transaction().execute(async (tx) => {
        const { scope, metric, window: period, limit } = body;
        const scopeId = await scopeObject(tx, actor.orgId, body);
        const budget = { scope, scope_id: scopeId, metric, period, cap: limitOf(limit) };
        return view(tx, await insertBudget(tx, actor, budget, now()));
      });
      await invalidate(actor.orgId);
      return made;
    },
    async list(orgId, asked) {
      const all = database.selectFrom('budgets').selectAll().where('org_id', '=', orgId);
      const { page, nextCursor } = await newestFirst(all, 'budget', asked);
      return { budgets: await budgetViews(database, page, now()), nextCursor };
    },
    get: async (orgId, id) => view(database, await findBudget(database, orgId, id)),
    async usage(orgId, id, { scope_id: subject, limit }) {
      const budget = await findBudget(database, orgId, id);
      return budgetUses(database, budget, { subject, limit }, now());
    },
    async change(actor, id, { limit }) {
      const changed = await database.transaction().execute(async (tx) => {
        await lockBudgets(tx, actor.orgId);
        const before = await findBudget(tx, actor.orgId, id);
        const valid = limitFor(before.metric).safeParse(limit);
        if (!valid.success)
          throw invalid('/limit', valid.error.issues[0]?.message ?? 'is not valid');
        const budget = await tx
          .updateTable('budgets')
          .set({ cap: limitOf(valid.data).toString(), updated_at: now() })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow();
        await forgetThresholds(tx, budget);
        await recordAudit(tx, {
          actor,
          action: 'budgets.update',
          target: { kind: 'budget', id },
          details: { limit: budget.cap, previous_limit: before.cap },
        });
        return view(tx, budget);
      });
      await invalidate(actor.orgId);
      return changed;
    },
    async remove(actor, id) {
      await database.transaction().execute(async (tx) => {
        await lockBudgets(tx, actor.orgId);
        const { scope, scope_id, metric, period, cap } = await findBudget(tx, actor.orgId, id);
        await lockLeases(tx, id);
        await tx.deleteFrom('budgets').where('id', '=', id).execute();
        await recordAudit(tx, {
          actor,
          action: 'budgets.delete',
          target: { kind: 'budget', id },
          details: { scope, scope_id, metric, window: period, limit: cap },
        });
      });
      await invalidate(actor.orgId);
    },
  };
}

async function findBudget(from: Database | Tx, orgId: string, id: string): Promise<BudgetRow> {
  const found = await from
    .selectFrom('budgets')
    .selectAll()
    .where('id', '=', id)
    .where('org_id', '=', orgId)
    .executeTakeFirst();
  if (found === undefined) throw new KartaError('not_found', 'There is no such budget.');
  return found;
}

/** In the order in which nodes tell of them, so that nobody waits in a circle. */
async function lockLeases(tx: Tx, budgetId: string): Promise<void> {
  await sql`select 1 from budget_leases where budget_id = ${budgetId} order by id for update`.execute(
    tx,
  );
}

/**
 * After a change of the limit: what it has not reached any more can be told again. What it has
 * reached by the change is not told, save that it is exhausted, when that first matters.
 */
async function forgetThresholds(tx: Tx, { id, cap }: BudgetRow): Promise<void> {
  await sql`
    update budget_windows set told = case
      when spent * 100 >= ${cap}::numeric * 80 then 80
      when spent * 100 >= ${cap}::numeric * 50 then 50 else 0 end,
      exhausted_told = false
    where budget_id = ${id} and (ends_at is null or ends_at > now())`.execute(tx);
}
