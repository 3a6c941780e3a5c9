import type { UsageEvent } from '@karta/protocol';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import type { Asker } from './grant-leases.ts';
import { amountOf, countedOf } from './metric-amount.ts';
import { openWindows, type WindowEntry, windowEntry } from './open-windows.ts';
import { holdBudgets } from './org-lock.ts';
import { coveredSubject } from './subject.ts';
import type { BudgetRow } from './tables.ts';
import { tellThresholds } from './tell-thresholds.ts';

/** The budgets of orgs, by org; none of them changes until the transaction ends. */
export type HeldBudgets = ReadonlyMap<string, readonly BudgetRow[]>;

/**
 * The budgets that calls of these orgs are to be counted against. Asked for before the calls are
 * booked: whoever makes a budget counts either what stands booked, or is waited for.
 */
export async function heldBudgets(tx: Tx, orgIds: ReadonlySet<string>): Promise<HeldBudgets> {
  const orgs = [...orgIds].sort();
  if (orgs.length === 0) return new Map();
  await holdBudgets(tx, orgs);
  const rows = await tx.selectFrom('budgets').selectAll().where('org_id', 'in', orgs).execute();
  return Map.groupBy(rows, (budget) => budget.org_id);
}

/**
 * Counts calls that have just been booked for the first time: on every cap that covers them, in the
 * window in which they began, and off the blocks that their node had for them. What test keys do
 * costs nothing and counts nowhere.
 */
export async function bookSpending(
  tx: Tx,
  { nodeId, now }: Asker,
  budgets: HeldBudgets,
  booked: readonly UsageEvent[],
): Promise<void> {
  const events = booked.filter(({ mode, org_id }) => mode === 'live' && budgets.has(org_id));
  const windows = await openWindows(
    tx,
    events.flatMap((event) => entriesOf(budgets.get(event.org_id) ?? [], event)),
  );
  await consumeLeases(tx, nodeId, events);
  await tellThresholds(tx, windows, false, now);
}

function entriesOf(budgets: readonly BudgetRow[], event: UsageEvent): WindowEntry[] {
  const at = new Date(event.at);
  const counted = countedOf({ ...event, cost: event.spend.cost });
  return budgets.flatMap((budget) => {
    const subject = coveredSubject(budget, event);
    if (subject === null) return [];
    const entry = windowEntry(budget, subject, at, amountOf(budget.metric, counted));
    // Windows that were over when the budget was made are nobody's concern.
    const { end } = entry.bounds;
    return end !== null && end <= budget.created_at ? [] : [entry];
  });
}

/** What was taken is now spent, and no longer held. A node can only name blocks of its own. */
async function consumeLeases(tx: Tx, nodeId: string, events: readonly UsageEvent[]): Promise<void> {
  const charges = events.flatMap(({ org_id, spend }) =>
    spend.charges.map(({ lease_id, amount }) => ({ org_id, lease_id, amount })),
  );
  if (charges.length === 0) return;
  await sql`
    with charged as (
      select lease_id, org_id, sum(amount) as amount
      from json_to_recordset(${JSON.stringify(charges)}::json)
        as charge (lease_id text, org_id text, amount numeric)
      group by lease_id, org_id
    ), ours as (
      select lease.id, charged.amount
      from budget_leases lease
      join charged on charged.lease_id = lease.id
      join budgets on budgets.id = lease.budget_id and budgets.org_id = charged.org_id
      where lease.node_id = ${nodeId}
      order by lease.id
      for update of lease
    )
    update budget_leases lease set consumed = lease.consumed + ours.amount
    from ours where ours.id = lease.id`.execute(tx);
}
