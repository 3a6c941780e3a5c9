import { createHash } from 'node:crypto';
import { isoTime, moneyToWire } from '@karta/protocol';
import type { Logger } from 'pino';
import type Stripe from 'stripe';
import type { Database, Tx } from '../sql/database.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import { lockAccount } from './accounts.ts';
import { drawLines, PICODOLLARS_PER_CENT } from './draw-lines.ts';
import { moveWaitingLines, sendLines } from './send-lines.ts';

export interface InvoiceParts {
  database: Database;
  stripe: Stripe;
  log: Pick<Logger, 'warn' | 'error'>;
}

/** Prices and the ledger are in it, as Stripe writes it. */
export const CURRENCY = 'usd';

/** Of Stripe's events those that orgs can hear of. */
const TOLD = {
  'invoice.created': 'invoice.created',
  'invoice.finalized': 'invoice.finalized',
  'invoice.paid': 'invoice.paid',
  'invoice.payment_failed': 'invoice.payment_failed',
} as const;

/**
 * Takes over an invoice as it is at Stripe now. While it is a draft of ours its lines are drawn from
 * the ledger, once, and put on it; when it is a draft no more, what is left goes on the next one.
 */
export async function takeInvoice(
  parts: InvoiceParts,
  customerId: string,
  invoiceId: string,
  event: { id: string; type: string },
): Promise<void> {
  const { database, stripe, log } = parts;
  const taken = await database.transaction().execute(async (tx) => {
    const account = await lockAccount(tx, { customerId });
    if (account === null) return null;
    const orgId = account.org_id;
    const told = await stripe.invoices.retrieve(invoiceId);
    if (told.currency !== CURRENCY) {
      const about = { invoice: told.id, org: orgId, currency: told.currency };
      log.error(about, `usage is in ${CURRENCY}: an invoice in another currency takes none`);
      return null;
    }
    const isNew = await keep(tx, orgId, told);
    if (isNew && takesUsage(told)) {
      const now = new Date();
      await moveWaitingLines(tx, stripe, orgId, invoiceId);
      await drawLines(tx, orgId, invoiceId, now);
      await tx
        .updateTable('billing_invoices')
        .set({ drawn_at: now })
        .where('id', '=', invoiceId)
        .execute();
    }
    await tell(tx, orgId, told, event);
    return { orgId, open: takesUsage(told) };
  });
  // Drawn lines are on disk by now: whatever ends here, the same ones are sent again.
  if (taken?.open) await sendLines(parts, taken.orgId, customerId, invoiceId);
}

/** A draft at the end of a period, or that we made for a subscription that ended. */
function takesUsage({ status, billing_reason: reason, metadata }: Stripe.Invoice): boolean {
  if (status !== 'draft') return false;
  return reason === 'subscription_cycle' || metadata?.karta_final !== undefined;
}

/** Whether no lines were drawn for it so far. */
async function keep(tx: Tx, orgId: string, told: Stripe.Invoice): Promise<boolean> {
  const state = {
    status: told.status ?? 'draft',
    amount_due: told.amount_due,
    amount_paid: told.amount_paid,
    hosted_url: told.hosted_invoice_url ?? null,
  };
  const { drawn_at } = await tx
    .insertInto('billing_invoices')
    .values({
      id: told.id,
      org_id: orgId,
      currency: told.currency,
      period_starts_at: new Date(told.period_start * 1000),
      period_ends_at: new Date(told.period_end * 1000),
      drawn_at: null,
      created_at: new Date(told.created * 1000),
      ...state,
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(state))
    .returning('drawn_at')
    .executeTakeFirstOrThrow();
  return drawn_at === null;
}

/** Once for each event of Stripe's, however often that comes. */
async function tell(
  tx: Tx,
  orgId: string,
  told: Stripe.Invoice,
  event: { id: string; type: string },
): Promise<void> {
  if (!Object.hasOwn(TOLD, event.type)) return;
  const digest = createHash('sha256').update(event.id).digest('hex');
  await emitWebhook(tx, {
    id: `evt_${digest.slice(0, 24)}`,
    orgId,
    // Asked for in the line above.
    type: TOLD[event.type as keyof typeof TOLD],
    data: {
      invoice_id: told.id,
      status: told.status ?? 'draft',
      amount_due: ofCents(told.amount_due),
      amount_paid: ofCents(told.amount_paid),
      period_starts_at: isoTime(new Date(told.period_start * 1000)),
      period_ends_at: isoTime(new Date(told.period_end * 1000)),
    },
  });
}

/** Cents as money is sent. */
export function ofCents(cents: number | string) {
  return moneyToWire(BigInt(cents) * PICODOLLARS_PER_CENT);
}
