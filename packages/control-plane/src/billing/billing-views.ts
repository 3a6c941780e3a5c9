import {
  type BillingState,
  type Invoice,
  type InvoiceDetail,
  isoTime,
  KartaError,
  moneyToWire,
} from '@karta/protocol';
import type { Database } from '../sql/database.ts';
import { findAccount } from './accounts.ts';
import { unbilledOf } from './draw-lines.ts';
import { standingOf } from './standing.ts';
import type { BillingInvoiceRow, BillingLineRow } from './tables.ts';
import { ofCents } from './take-invoice.ts';

/** How an org stands. `enabled`: whether this server bills at all. */
export async function billingStateOf(
  database: Database,
  orgId: string,
  enabled: boolean,
): Promise<BillingState> {
  const account = await findAccount(database, orgId);
  const time = (at: Date | null | undefined) => (at ? isoTime(at) : null);
  return {
    standing: enabled ? (account === null ? 'grace' : standingOf(account)) : 'off',
    subscription_status: account?.subscription_status ?? null,
    period_ends_at: time(account?.period_ends_at),
    cancels_at_period_end: account?.cancels_at_period_end ?? false,
    grace_ends_at: time(account?.grace_ends_at),
    unbilled: moneyToWire(await unbilledOf(database, orgId)),
  };
}

/** An org's invoices, the newest first, from after `cursor`, the id of one. */
export async function listInvoices(
  database: Database,
  orgId: string,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ invoices: Invoice[]; next_cursor: string | null }> {
  let query = database
    .selectFrom('billing_invoices')
    .selectAll()
    .where('org_id', '=', orgId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (cursor !== undefined) {
    query = query.where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('created_at', 'id'),
        '<',
        // A cursor of another org finds nothing, and so nothing follows it.
        selectFrom('billing_invoices as last')
          .select(['last.created_at', 'last.id'])
          .where('last.org_id', '=', orgId)
          .where('last.id', '=', cursor)
          .$asTuple('created_at', 'id'),
      ),
    );
  }
  const rows = await query.execute();
  const invoices = rows.slice(0, limit).map(shownInvoice);
  return { invoices, next_cursor: rows.length > limit ? (invoices.at(-1)?.id ?? null) : null };
}

/** One of the org's, with its lines. Throws `KartaError('not_found')`. */
export async function invoiceDetailOf(
  database: Database,
  orgId: string,
  id: string,
): Promise<InvoiceDetail> {
  const row = await database
    .selectFrom('billing_invoices')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) throw new KartaError('not_found');
  const lines = await database
    .selectFrom('billing_lines')
    .selectAll()
    .where('invoice_id', '=', id)
    .where('item_id', 'is not', null)
    .orderBy('provider')
    .orderBy('model')
    .execute();
  return { ...shownInvoice(row), lines: lines.map(shownLine) };
}

function shownInvoice(row: BillingInvoiceRow): Invoice {
  return {
    id: row.id,
    status: row.status,
    amount_due: ofCents(row.amount_due),
    amount_paid: ofCents(row.amount_paid),
    period_starts_at: isoTime(row.period_starts_at),
    period_ends_at: isoTime(row.period_ends_at),
    hosted_url: row.hosted_url,
    created_at: isoTime(row.created_at),
  };
}

function shownLine(row: BillingLineRow): InvoiceDetail['lines'][number] {
  return {
    id: row.id,
    provider: row.provider,
    model: row.model,
    from_day: row.from_day,
    to_day: row.to_day,
    calls: Number(row.calls),
    input_tokens: Number(row.input_tokens),
    output_tokens: Number(row.output_tokens),
    cost: moneyToWire(BigInt(row.cost)),
    amount: ofCents(row.cents),
  };
}
