import { z } from 'zod';

const DAY_MS = 24 * 60 * 60 * 1000;

/** What is needed to bill by Stripe. Without it nothing is billed. */
export const billingConfig = z.strictObject({
  /** `sk_live_…`, `sk_test_…` or a restricted key. */
  secret_key: z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces'),
  /** `whsec_…`: what Stripe signs its webhooks with. */
  webhook_secret: z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces'),
  /** The recurring price that an org subscribes to; usage comes on top of it. */
  price: z.string().regex(/^price_\w+$/, 'must be the id of a price'),
  /** How long an org that has not paid goes on, in days. */
  grace_days: z.number().min(0).max(90).default(7),
  /** Where Stripe is; another address for tests. */
  api_url: z.url({ protocol: /^https?$/ }).default('https://api.stripe.com'),
});
export type BillingConfig = z.infer<typeof billingConfig>;

/** The grace in ms. */
export function graceMs({ grace_days: days }: Pick<BillingConfig, 'grace_days'>): number {
  return days * DAY_MS;
}
