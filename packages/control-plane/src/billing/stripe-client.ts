import type Stripe from 'stripe';
import type { BillingConfig } from './config.ts';

/** How long Stripe may take for an answer, in ms. */
const TIMEOUT_MS = 15_000;
/** Tries after a first one that failed; Stripe's library gives each the same idempotency key. */
const RETRIES = 2;

/** A client of Stripe's API by its own library, which is loaded only where something is billed. */
export async function stripeClient(
  config: Pick<BillingConfig, 'secret_key' | 'api_url'>,
): Promise<Stripe> {
  const { Stripe } = await import('stripe');
  const url = new URL(config.api_url);
  return new Stripe(config.secret_key, {
    protocol: url.protocol === 'http:' ? 'http' : 'https',
    host: url.hostname,
    port: url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : url.port,
    timeout: TIMEOUT_MS,
    maxNetworkRetries: RETRIES,
    telemetry: false,
  });
}
