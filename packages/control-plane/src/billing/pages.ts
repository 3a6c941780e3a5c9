import { KartaError } from '@karta/protocol';
import type Stripe from 'stripe';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Database } from '../sql/database.ts';
import { ensureAccount, lockAccount } from './accounts.ts';
import type { BillingConfig } from './config.ts';
import { graceMs } from './config.ts';
import { standingOf } from './standing.ts';
import type { BillingAccountRow } from './tables.ts';

export interface PagesParts {
  database: Database;
  stripe: Stripe;
  config: Pick<BillingConfig, 'price' | 'grace_days'>;
  /** Where a browser goes afterwards when nobody says so. */
  publicUrl: string;
}

/**
 * Stripe's page on which an org subscribes. Throws `KartaError('already_exists')` when it has a
 * subscription that is paid: the portal changes that.
 */
export async function checkoutPage(
  parts: PagesParts,
  by: OrgActor,
  returnUrl = parts.publicUrl,
): Promise<string> {
  const { account, customer } = await customerOf(parts, by, 'billing.checkout');
  if (standingOf(account) === 'good') {
    throw new KartaError('already_exists', 'The org has a subscription; change it in the portal.');
  }
  const metadata = { karta_org: by.orgId };
  const page = await parts.stripe.checkout.sessions.create({
    mode: 'subscription',
    customer,
    client_reference_id: by.orgId,
    line_items: [{ price: parts.config.price, quantity: 1 }],
    success_url: returnUrl,
    cancel_url: returnUrl,
    metadata,
    subscription_data: { metadata },
  });
  if (page.url === null) throw new Error(`the checkout ${page.id} has no page`);
  return page.url;
}

/** Stripe's page with the org's subscription, means of payment and invoices. */
export async function portalPage(
  parts: PagesParts,
  by: OrgActor,
  returnUrl = parts.publicUrl,
): Promise<string> {
  const { customer } = await customerOf(parts, by, 'billing.portal');
  const page = await parts.stripe.billingPortal.sessions.create({
    customer,
    return_url: returnUrl,
  });
  return page.url;
}

/** The org's customer at Stripe, made at the first need and once: others of the org wait. */
function customerOf(
  { database, stripe, config }: PagesParts,
  by: OrgActor,
  action: string,
): Promise<{ account: BillingAccountRow; customer: string }> {
  const { orgId } = by;
  return database.transaction().execute(async (tx) => {
    const now = new Date();
    await ensureAccount(tx, orgId, now, graceMs(config));
    const account = await lockAccount(tx, { orgId });
    if (account === null) throw new Error(`no billing account of ${orgId}`);
    const customer = account.customer_id ?? (await makeCustomer());
    await recordAudit(tx, { actor: by, action, target: { kind: 'org', id: orgId } });
    return { account, customer };

    async function makeCustomer(): Promise<string> {
      const { name } = await tx
        .selectFrom('orgs')
        .select('name')
        .where('id', '=', orgId)
        .executeTakeFirstOrThrow();
      const made = await stripe.customers.create(
        {
          name,
          metadata: { karta_org: orgId },
          ...(by.kind === 'person' && { email: by.label }),
        },
        { idempotencyKey: `customer:${orgId}` },
      );
      await tx
        .updateTable('billing_accounts')
        .set({ customer_id: made.id, updated_at: now })
        .where('org_id', '=', orgId)
        .execute();
      return made.id;
    }
  });
}
