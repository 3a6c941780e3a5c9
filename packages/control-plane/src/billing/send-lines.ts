import type Stripe from 'stripe';
import type { Tx } from '../sql/database.ts';
import { lockAccount } from './accounts.ts';
import type { BillingLineRow } from './tables.ts';
import { CURRENCY, type InvoiceParts } from './take-invoice.ts';

/**
 * Puts an invoice's drawn lines on it at Stripe, those that are not there yet. When the invoice is a
 * draft no more they stay, for the next one. Throws what Stripe says otherwise: its webhook comes
 * again.
 */
export async function sendLines(
  { database, stripe, log }: InvoiceParts,
  orgId: string,
  customerId: string,
  invoiceId: string,
): Promise<void> {
  await database.transaction().execute(async (tx) => {
    await lockAccount(tx, { orgId });
    const lines = await waitingLines(tx, orgId).where('invoice_id', '=', invoiceId).execute();
    if (lines.length === 0) return;
    const there = await linesAt(stripe, invoiceId);
    for (const line of lines) {
      const item = there.get(line.id) ?? (await create(line));
      if (item === null) return;
      await markSent(tx, line.id, item);
    }
  });

  async function create(line: BillingLineRow): Promise<string | null> {
    try {
      const { id } = await stripe.invoiceItems.create(itemOf(line, customerId, invoiceId), {
        idempotencyKey: `${invoiceId}:${line.id}`,
      });
      return id;
    } catch (error) {
      if (!(error instanceof stripe.errors.StripeInvalidRequestError)) throw error;
      const { status } = await stripe.invoices.retrieve(invoiceId);
      if (status === 'draft') throw error;
      log.warn({ invoice: invoiceId, org: orgId }, 'lines missed their invoice: they wait');
      return null;
    }
  }
}

/**
 * Lines that are on no invoice go to this one. One whose earlier try may have arrived is looked for
 * first, so that it stands on one invoice only.
 */
export async function moveWaitingLines(
  tx: Tx,
  stripe: Stripe,
  orgId: string,
  invoiceId: string,
): Promise<void> {
  const waiting = await waitingLines(tx, orgId).where('invoice_id', '<>', invoiceId).execute();
  for (const earlier of new Set(waiting.map((line) => line.invoice_id))) {
    const there = await linesAt(stripe, earlier);
    for (const { id } of waiting.filter((line) => line.invoice_id === earlier)) {
      const item = there.get(id);
      if (item !== undefined) await markSent(tx, id, item);
    }
  }
  await tx
    .updateTable('billing_lines')
    .set({ invoice_id: invoiceId })
    .where('org_id', '=', orgId)
    .where('item_id', 'is', null)
    .execute();
}

function waitingLines(tx: Tx, orgId: string) {
  return tx
    .selectFrom('billing_lines')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('item_id', 'is', null)
    .orderBy('id');
}

async function markSent(tx: Tx, id: string, itemId: string): Promise<void> {
  await tx.updateTable('billing_lines').set({ item_id: itemId }).where('id', '=', id).execute();
}

/** Our lines on an invoice at Stripe: the items by the ids of the lines. */
async function linesAt(stripe: Stripe, invoiceId: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const item of stripe.invoiceItems.list({ invoice: invoiceId, limit: 100 })) {
    const line = item.metadata?.karta_line;
    if (line !== undefined) found.set(line, item.id);
  }
  return found;
}

function itemOf(
  line: BillingLineRow,
  customer: string,
  invoice: string,
): Stripe.InvoiceItemCreateParams {
  const { provider, model, calls, input_tokens: input, output_tokens: output } = line;
  const description = `${provider} ${model}: ${calls} calls, ${input} tokens in, ${output} out`;
  return {
    customer,
    invoice,
    currency: CURRENCY,
    amount: Number(line.cents),
    description,
    period: { start: secondsOf(line.from_day), end: secondsOf(line.to_day) },
    metadata: { karta_line: line.id, karta_org: line.org_id, picodollars: line.cost },
  };
}

function secondsOf(day: string): number {
  return Date.parse(day) / 1000;
}
