import type { ColumnType, Selectable } from 'kysely';

/** Tables of billing. `bigint` and `numeric` are read as decimal strings. */
export interface BillingTables {
  billing_accounts: BillingAccountTable;
  billing_events: BillingEventTable;
  billing_invoices: BillingInvoiceTable;
  billed_usage: BilledUsageTable;
  billing_lines: BillingLineTable;
}

export interface BillingAccountTable {
  org_id: string;
  customer_id: string | null;
  subscription_id: string | null;
  subscription_status: string | null;
  period_ends_at: Date | null;
  cancels_at_period_end: ColumnType<boolean, boolean | undefined, boolean>;
  unpaid_since: Date | null;
  grace_ends_at: Date | null;
  blocked_at: Date | null;
  created_at: Date;
  updated_at: Date;
}
export type BillingAccountRow = Selectable<BillingAccountTable>;

export interface BillingEventTable {
  id: string;
  type: string;
  at: Date;
}

type Int8 = ColumnType<string, number | string, number | string>;

export interface BillingInvoiceTable {
  id: string;
  org_id: string;
  status: string;
  currency: string;
  amount_due: Int8;
  amount_paid: Int8;
  period_starts_at: Date;
  period_ends_at: Date;
  hosted_url: string | null;
  drawn_at: Date | null;
  created_at: Date;
}
export type BillingInvoiceRow = Selectable<BillingInvoiceTable>;

export interface BilledUsageTable {
  org_id: string;
  day: string;
  provider: string;
  model: string;
  cost: string;
  calls: string;
  input_tokens: string;
  output_tokens: string;
}

export interface BillingLineTable {
  id: string;
  org_id: string;
  invoice_id: string;
  provider: string;
  model: string;
  from_day: string;
  to_day: string;
  calls: string;
  input_tokens: string;
  output_tokens: string;
  cost: string;
  cents: string;
  item_id: string | null;
  created_at: Date;
}
export type BillingLineRow = Selectable<BillingLineTable>;
