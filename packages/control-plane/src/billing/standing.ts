import type { BillingStanding } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import { deny, lift } from '../keys/denials.ts';
import type { Tx } from '../sql/database.ts';
import type { BillingAccountRow } from './tables.ts';

/** States of a subscription under which an org works; in all others it is not paid. */
const PAID: ReadonlySet<string> = new Set(['active', 'trialing']);

/** Of an account, what its standing follows from. */
export type Payment = Pick<
  BillingAccountRow,
  'subscription_status' | 'unpaid_since' | 'grace_ends_at' | 'blocked_at'
>;

/** When it began to be unpaid, how long that is borne with, and whether that is over. */
export function paymentAt(account: Payment, now: Date, graceMs: number): Payment {
  const { subscription_status } = account;
  if (subscription_status !== null && PAID.has(subscription_status)) {
    return { subscription_status, unpaid_since: null, grace_ends_at: null, blocked_at: null };
  }
  const unpaid_since = account.unpaid_since ?? now;
  const grace_ends_at = account.grace_ends_at ?? new Date(unpaid_since.getTime() + graceMs);
  const blocked_at = grace_ends_at <= now ? (account.blocked_at ?? now) : null;
  return { subscription_status, unpaid_since, grace_ends_at, blocked_at };
}

export function standingOf({ unpaid_since, blocked_at }: Payment): BillingStanding {
  if (blocked_at !== null) return 'blocked';
  return unpaid_since === null ? 'good' : 'grace';
}

/**
 * Brings an account, locked, to where it stands now. Nodes refuse what a blocked org wants to spend;
 * says whether they must be told.
 */
export async function restand(
  tx: Tx,
  account: BillingAccountRow,
  now: Date,
  graceMs: number,
): Promise<boolean> {
  const payment = paymentAt(account, now, graceMs);
  await tx
    .updateTable('billing_accounts')
    .set({ ...payment, updated_at: now })
    .where('org_id', '=', account.org_id)
    .execute();
  const isBlocked = payment.blocked_at !== null;
  if (isBlocked === (account.blocked_at !== null)) return false;
  await setBlocked(tx, account.org_id, isBlocked, payment.subscription_status);
  return true;
}

/** Has nodes refuse, or no longer refuse, what an org wants to spend. */
export async function setBlocked(
  tx: Tx,
  orgId: string,
  blocked: boolean,
  status: string | null,
): Promise<void> {
  if (blocked) await deny(tx, { kind: 'unpaid', id: orgId, orgId, forMs: null });
  else await lift(tx, 'unpaid', orgId);
  await recordAudit(tx, {
    actor: { kind: 'system', id: 'billing', orgId, label: 'billing' },
    action: blocked ? 'billing.block' : 'billing.unblock',
    target: { kind: 'org', id: orgId },
    details: { subscription_status: status },
  });
}
