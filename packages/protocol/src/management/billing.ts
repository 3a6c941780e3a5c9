import { z } from 'zod';
import { moneyWire } from '../money.ts';

const time = z.iso.datetime({ offset: true });

/** Whether an org may go on: `good`; not paid, but borne with until `grace_ends_at`; or refused. */
export const billingStanding = z.enum(['off', 'good', 'grace', 'blocked']);
export type BillingStanding = z.infer<typeof billingStanding>;

/** `GET /v1/billing` */
export const billingState = z.object({
  /** `off`: nothing is billed on this server. */
  standing: billingStanding,
  /** Stripe's word for the subscription; `null` before the first. */
  subscription_status: z.string().nullable(),
  period_ends_at: time.nullable(),
  cancels_at_period_end: z.boolean(),
  grace_ends_at: time.nullable(),
  /** Cost of usage that is to be paid and stands on no invoice yet. */
  unbilled: moneyWire,
});
export type BillingState = z.infer<typeof billingState>;

/** `POST /v1/billing/checkout` and `/v1/billing/portal`. */
export const billingPageBody = z.strictObject({
  /** Where the browser goes afterwards; the control plane's own address when left out. */
  return_url: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .optional(),
});
export type BillingPageBody = z.infer<typeof billingPageBody>;

/** A page of Stripe's, for one browser and a short time. */
export const billingPage = z.object({ url: z.url() });
export type BillingPage = z.infer<typeof billingPage>;

/** A line of an invoice: what one model cost, rounded up to a cent once. */
export const invoiceLine = z.object({
  id: z.string(),
  provider: z.string(),
  model: z.string(),
  from_day: z.iso.date(),
  to_day: z.iso.date(),
  calls: z.int().nonnegative(),
  input_tokens: z.int().nonnegative(),
  output_tokens: z.int().nonnegative(),
  /** To the picodollar. */
  cost: moneyWire,
  /** As it stands on the invoice. */
  amount: moneyWire,
});
export type InvoiceLine = z.infer<typeof invoiceLine>;

/** An invoice as Stripe told of it last. */
export const invoice = z.object({
  id: z.string(),
  /** Stripe's word: `draft`, `open`, `paid`, `uncollectible`, `void`. */
  status: z.string(),
  amount_due: moneyWire,
  amount_paid: moneyWire,
  period_starts_at: time,
  period_ends_at: time,
  /** Stripe's page for it. */
  hosted_url: z.string().nullable(),
  created_at: time,
});
export type Invoice = z.infer<typeof invoice>;

/** `GET /v1/billing/invoices/{invoice_id}` */
export const invoiceDetail = invoice.extend({
  /** From our ledger; what else is on the invoice, its page shows. */
  lines: z.array(invoiceLine),
});
export type InvoiceDetail = z.infer<typeof invoiceDetail>;

/** `GET /v1/billing/invoices`, the newest first. */
export const invoiceList = z.object({
  invoices: z.array(invoice),
  next_cursor: z.string().nullable(),
});
export const invoiceQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
});
