import { type BudgetUse, type BudgetView, budgetAmountOf, isoTime } from '@karta/protocol';
import { sql } from 'kysely';
import type { Database, Tx } from '../sql/database.ts';
import { heldByLease, holdsAnything } from './lease-held.ts';
import type { BudgetRow } from './tables.ts';
import { reached } from './tell-thresholds.ts';
import { windowAt } from './window.ts';

/** A window as it is shown. */
interface UsedRow {
  budget_id: string;
  subject: string;
  spent: string;
  held: string;
  exhausted_told: boolean;
}

/** Budgets as they are shown, in the same order. */
export async function budgetViews(
  from: Database | Tx,
  budgets: readonly BudgetRow[],
  now: Date,
): Promise<BudgetView[]> {
  const used = await windowsNow(from, budgets, now, null, budgets.length);
  const byBudget = new Map(used.map((row) => [row.budget_id, row]));
  return budgets.map((budget) => ({
    id: budget.id,
    scope: budget.scope,
    scope_id: budget.scope_id,
    metric: budget.metric,
    limit: budgetAmountOf(budget.metric, BigInt(budget.cap)),
    window: budget.period,
    usage:
      budget.scope_id === null
        ? null
        : useOf(budget, byBudget.get(budget.id) ?? unused(budget.scope_id), now),
    created_by: budget.created_by,
    created_at: isoTime(budget.created_at),
    updated_at: isoTime(budget.updated_at),
  }));
}

/** The objects that have used most of a cap in the window now, or the one that is named. */
export async function budgetUses(
  from: Database | Tx,
  budget: BudgetRow,
  { subject, limit }: { subject: string | undefined; limit: number },
  now: Date,
): Promise<BudgetUse[]> {
  const rows = await windowsNow(from, [budget], now, subject ?? null, limit);
  const named = subject !== undefined && rows.length === 0 ? [unused(subject)] : rows;
  return named.map((row) => useOf(budget, row, now));
}

async function windowsNow(
  from: Database | Tx,
  budgets: readonly BudgetRow[],
  now: Date,
  subject: string | null,
  limit: number,
): Promise<UsedRow[]> {
  const { rows } = await sql<UsedRow>`
    select budget_id, subject, spent, exhausted_told, coalesce((
        select sum(${heldByLease}) from budget_leases lease
        where lease.budget_id = used.budget_id and lease.subject = used.subject
          and lease.starts_at = used.starts_at and ${holdsAnything}
      ), 0) as held
    from unnest(
      ${budgets.map(({ id }) => id)}::text[],
      ${budgets.map(({ period }) => windowAt(period, now).start.toISOString())}::timestamptz[],
      ${budgets.map(({ scope_id }) => scope_id ?? subject)}::text[]
    ) as asked (id, starts_at, object)
    join budget_windows used on used.budget_id = asked.id and used.starts_at = asked.starts_at
      and (asked.object is null or used.subject = asked.object)
    order by spent desc, subject
    limit ${limit}`.execute(from);
  return rows;
}

function unused(subject: string): Omit<UsedRow, 'budget_id'> {
  return { subject, spent: '0', held: '0', exhausted_told: false };
}

function useOf(budget: BudgetRow, row: Omit<UsedRow, 'budget_id'>, now: Date): BudgetUse {
  const { start, end } = windowAt(budget.period, now);
  const [spent, held, cap] = [BigInt(row.spent), BigInt(row.held), BigInt(budget.cap)];
  const left = cap - spent - held;
  const shown = (amount: bigint) => budgetAmountOf(budget.metric, amount);
  // One that refused a call counts as exhausted, even where a little is left.
  const thresholds = new Set(reached(spent, cap));
  if (row.exhausted_told) thresholds.add(100);
  return {
    scope_id: row.subject,
    window_start: end && isoTime(start),
    resets_at: end && isoTime(end),
    spent: shown(spent),
    reserved: shown(held),
    left: shown(left > 0n ? left : 0n),
    thresholds: [...thresholds],
  };
}
