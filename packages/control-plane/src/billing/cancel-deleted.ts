import type Stripe from 'stripe';
import type { Database } from '../sql/database.ts';
import { OVER } from './take-subscription.ts';

/**
 * Ends at Stripe the subscriptions of orgs that were deleted. Stripe's event then brings the state
 * over, and the last invoice; until it has come it is asked for again, which changes nothing.
 */
export async function cancelDeleted(database: Database, stripe: Stripe): Promise<void> {
  const left = await database
    .selectFrom('billing_accounts')
    .innerJoin('orgs', 'orgs.id', 'billing_accounts.org_id')
    .select('billing_accounts.subscription_id')
    .where('orgs.deleted_at', 'is not', null)
    .where('billing_accounts.subscription_id', 'is not', null)
    .where('billing_accounts.subscription_status', 'not in', [...OVER])
    .execute();
  for (const { subscription_id: id } of left) {
    if (id === null) continue;
    const { status } = await stripe.subscriptions.retrieve(id);
    if (!OVER.has(status)) await stripe.subscriptions.cancel(id);
  }
}
