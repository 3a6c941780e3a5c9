import { KartaError, LIMITS, newId } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Tx } from '../sql/database.ts';
import { countBefore } from './count-before.ts';
import { lockBudgets } from './org-lock.ts';
import type { BudgetRow } from './tables.ts';

/** What makes a budget; its scope has been looked at. */
export type NewBudget = Pick<BudgetRow, 'scope' | 'scope_id' | 'metric' | 'period'> & {
  cap: bigint;
};

/**
 * Makes a budget, which counts what was spent in its window before, with its audit row. Throws
 * `KartaError('budget_limit')`.
 */
export async function insertBudget(
  tx: Tx,
  actor: OrgActor,
  made: NewBudget,
  now: Date,
): Promise<BudgetRow> {
  await lockBudgets(tx, actor.orgId);
  const { count } = await tx
    .selectFrom('budgets')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('org_id', '=', actor.orgId)
    .executeTakeFirstOrThrow();
  if (Number(count) >= LIMITS.budgetsPerOrg) throw new KartaError('budget_limit');
  const budget = await tx
    .insertInto('budgets')
    .values({
      ...made,
      id: newId('budget'),
      org_id: actor.orgId,
      cap: made.cap.toString(),
      created_by: actor.label,
      created_at: now,
      updated_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await countBefore(tx, budget);
  const { scope, scope_id, metric, period, cap } = budget;
  await recordAudit(tx, {
    actor,
    action: 'budgets.create',
    target: { kind: 'budget', id: budget.id },
    details: { scope, scope_id, metric, window: period, limit: cap },
  });
  return budget;
}
