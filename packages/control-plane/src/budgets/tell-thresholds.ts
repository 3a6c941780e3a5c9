import { BUDGET_THRESHOLDS, budgetAmountOf, isoTime } from '@karta/protocol';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import { emitWebhooks, type WebhookEvent } from '../webhooks/emit-webhook.ts';
import type { OpenWindow } from './open-windows.ts';

const EXHAUSTED = 100;

/** The thresholds that so much of a cap has reached, in percent. A cap of nothing is exhausted. */
export function reached(spent: bigint, cap: bigint): number[] {
  return BUDGET_THRESHOLDS.filter((percent) => spent * 100n >= cap * BigInt(percent));
}

/**
 * Tells the org of thresholds that these locked windows have reached, each once in a window, in the
 * transaction of what was spent. `refused`: a call was refused for want of what is left.
 */
export async function tellThresholds(
  tx: Tx,
  windows: readonly OpenWindow[],
  refused: boolean,
  now: Date,
): Promise<void> {
  const events: WebhookEvent[] = [];
  const news: OpenWindow[] = [];
  for (const window of windows) {
    const percents = reached(window.spent, BigInt(window.budget.cap));
    const below = percents.filter((percent) => percent !== EXHAUSTED);
    const fresh = below.filter((percent) => percent > window.told);
    const isExhausted = refused || percents.includes(EXHAUSTED);
    if (isExhausted && !window.exhaustedTold) fresh.push(EXHAUSTED);
    if (fresh.length === 0) continue;
    const told = Math.max(window.told, ...below);
    news.push({ ...window, told, exhaustedTold: window.exhaustedTold || isExhausted });
    events.push(...fresh.map((percent) => eventOf(window, percent, now)));
  }
  if (news.length === 0) return;
  await sql`
    update budget_windows set told = news.told, exhausted_told = news.exhausted_told
    from json_to_recordset(${JSON.stringify(
      news.map(({ budget, subject, bounds, told, exhaustedTold }) => ({
        budget_id: budget.id,
        subject,
        starts_at: bounds.start,
        told,
        exhausted_told: exhaustedTold,
      })),
    )}::json) as news (budget_id text, subject text, starts_at timestamptz, told smallint,
      exhausted_told boolean)
    where budget_windows.budget_id = news.budget_id and budget_windows.subject = news.subject
      and budget_windows.starts_at = news.starts_at`.execute(tx);
  await emitWebhooks(tx, events);
}

function eventOf(window: OpenWindow, percent: number, at: Date): WebhookEvent {
  const { budget, subject, bounds, spent } = window;
  const data = {
    budget_id: budget.id,
    scope: budget.scope,
    scope_id: subject,
    metric: budget.metric,
    window: budget.period,
    resets_at: bounds.end && isoTime(bounds.end),
    limit: budgetAmountOf(budget.metric, BigInt(budget.cap)),
    spent: budgetAmountOf(budget.metric, spent),
  };
  const { org_id: orgId } = budget;
  if (percent === EXHAUSTED) return { orgId, type: 'budget.exhausted', at, data };
  const told = percent === 50 ? 50 : 80;
  return { orgId, type: 'budget.threshold', at, data: { ...data, percent: told } };
}
