import type { Database, Tx } from '../sql/database.ts';
import type { BillingAccountRow } from './tables.ts';

/** The org's account, locked: what Stripe tells of one org takes effect one after the other. */
export async function lockAccount(
  tx: Tx,
  by: { orgId: string } | { customerId: string },
): Promise<BillingAccountRow | null> {
  const query = tx.selectFrom('billing_accounts').selectAll().forUpdate();
  const found =
    'orgId' in by
      ? query.where('org_id', '=', by.orgId)
      : query.where('customer_id', '=', by.customerId);
  return (await found.executeTakeFirst()) ?? null;
}

/** Makes sure that the org has an account: one that has not paid yet, from now on. */
export async function ensureAccount(tx: Tx, orgId: string, now: Date, graceMs: number) {
  await tx
    .insertInto('billing_accounts')
    .values({
      org_id: orgId,
      customer_id: null,
      subscription_id: null,
      subscription_status: null,
      period_ends_at: null,
      unpaid_since: now,
      grace_ends_at: new Date(now.getTime() + graceMs),
      blocked_at: null,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.column('org_id').doNothing())
    .execute();
}

/** The org's account as it is, or `null`. */
export async function findAccount(
  database: Database,
  orgId: string,
): Promise<BillingAccountRow | null> {
  const found = await database
    .selectFrom('billing_accounts')
    .selectAll()
    .where('org_id', '=', orgId)
    .executeTakeFirst();
  return found ?? null;
}
