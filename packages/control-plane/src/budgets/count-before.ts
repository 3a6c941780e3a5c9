import { type RawBuilder, sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import type { BudgetRow } from './tables.ts';
import { windowAt } from './window.ts';

const SUBJECT: Readonly<Record<BudgetRow['scope'], RawBuilder<string>>> = {
  org: sql`org_id`,
  project: sql`project_id`,
  api_key: sql`api_key_id`,
  end_user: sql`end_user`,
  session: sql`session_id`,
  embed_key: sql`embed_key_id`,
};

const AMOUNT: Readonly<Record<BudgetRow['metric'], RawBuilder<string>>> = {
  input_tokens: sql`input_tokens`,
  output_tokens: sql`output_tokens`,
  total_tokens: sql`input_tokens + output_tokens`,
  cost: sql`coalesce(cost, 0)`,
};

/** Calls of any age: those that have rows, and the sums of those whose rows are gone. */
const EVERY_CALL = sql`
  select org_id, mode, at, project_id, session_id, api_key_id, embed_key_id, end_user,
    input_tokens::numeric, output_tokens::numeric, cost
  from usage_events
  union all
  select org_id, 'live', to_timestamp(0), project_id, session_id, nullif(api_key_id, ''),
    nullif(embed_key_id, ''), nullif(end_user, ''), input_tokens, output_tokens, cost
  from usage_archive`;

/**
 * Counts what was spent of a budget that is just being made, in the window that runs: whoever books
 * calls from now on finds it there. The budgets of its org must be locked. Thresholds that have been
 * reached before are not told, an exhausted cap is when it first matters.
 */
export async function countBefore(tx: Tx, budget: BudgetRow): Promise<void> {
  const { start, end } = windowAt(budget.period, budget.created_at);
  await sql`
    insert into budget_windows (budget_id, subject, starts_at, ends_at, spent, told)
    select ${budget.id}, subject, ${start}, ${end}::timestamptz, spent,
      case when spent * 100 >= ${budget.cap}::numeric * 80 then 80
        when spent * 100 >= ${budget.cap}::numeric * 50 then 50 else 0 end
    from (${spentBefore(budget)}) as before`.execute(tx);
}

/** What was spent of a budget before it was made, in the window that runs, by whom it is about. */
export function spentBefore(budget: BudgetRow): RawBuilder<{ subject: string; spent: string }> {
  const { start, end } = windowAt(budget.period, budget.created_at);
  const subject = SUBJECT[budget.scope];
  return sql`
    select ${subject} as subject, sum(${AMOUNT[budget.metric]}) as spent
    from (${budget.period === 'total' ? EVERY_CALL : sql`select * from usage_events`}) as calls
    where org_id = ${budget.org_id} and mode = 'live' and at >= ${start}
      and (${end}::timestamptz is null or at < ${end}::timestamptz)
      and ${subject} is not null
      and (${budget.scope_id}::text is null or ${subject} = ${budget.scope_id}::text)
    group by 1`;
}
