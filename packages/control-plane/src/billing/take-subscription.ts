import type Stripe from 'stripe';
import type { Database } from '../sql/database.ts';
import { lockAccount } from './accounts.ts';
import { owesUsage } from './draw-lines.ts';
import { restand } from './standing.ts';

/** States in which a subscription is over and another one may take its place. */
export const OVER: ReadonlySet<string> = new Set(['canceled', 'incomplete_expired']);

export interface SubscriptionParts {
  database: Database;
  stripe: Stripe;
  graceMs: number;
  /** Nodes are to hear of refusals. */
  changed(): Promise<void>;
}

/**
 * Takes over how a subscription stands at Stripe now, whatever an event said: events come late,
 * twice, and in any order. One that is over does not take the place of one that runs.
 */
export async function takeSubscription(
  { database, stripe, graceMs, changed }: SubscriptionParts,
  customerId: string,
  subscriptionId: string,
): Promise<void> {
  const taken = await database.transaction().execute(async (tx) => {
    const account = await lockAccount(tx, { customerId });
    if (account === null) return null;
    const now = new Date();
    const told = await stripe.subscriptions.retrieve(subscriptionId);
    if (customerOf(told) !== customerId) return null;
    const isCurrent = [null, told.id].includes(account.subscription_id);
    if (!isCurrent && OVER.has(told.status)) return null;
    const ends = told.items.data.map((item) => item.current_period_end);
    const state = {
      subscription_id: told.id,
      subscription_status: told.status,
      period_ends_at: ends.length === 0 ? null : new Date(Math.max(...ends) * 1000),
      cancels_at_period_end: told.cancel_at_period_end,
    };
    await tx
      .updateTable('billing_accounts')
      .set(state)
      .where('org_id', '=', account.org_id)
      .execute();
    const refusalsChanged = await restand(tx, { ...account, ...state }, now, graceMs);
    const isLast = OVER.has(told.status) && (await owesUsage(tx, account.org_id));
    return { refusalsChanged, isLast };
  });
  if (taken?.refusalsChanged) await changed();
  // Stripe makes no further invoice: what was used since the last one needs one of its own.
  if (taken?.isLast) {
    await stripe.invoices.create(
      {
        customer: customerId,
        auto_advance: true,
        pending_invoice_items_behavior: 'exclude',
        metadata: { karta_final: subscriptionId },
      },
      { idempotencyKey: `final:${subscriptionId}` },
    );
  }
}

function customerOf({ customer }: Stripe.Subscription): string {
  return typeof customer === 'string' ? customer : customer.id;
}
