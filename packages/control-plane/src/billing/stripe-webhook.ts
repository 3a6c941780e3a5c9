import { readBytes } from '@karta/http';
import { KartaError } from '@karta/protocol';
import type { Logger } from 'pino';
import type Stripe from 'stripe';
import { type BoundRoute, defineRoute, noContent } from '../http/route.ts';
import type { BillingConfig } from './config.ts';
import { type InvoiceParts, takeInvoice } from './take-invoice.ts';
import { type SubscriptionParts, takeSubscription } from './take-subscription.ts';

/** The largest event that is read, in bytes. Stripe's are some kilobytes. */
const EVENT_BYTES = 1024 * 1024;

export interface StripeWebhookParts extends InvoiceParts, SubscriptionParts {
  config: Pick<BillingConfig, 'webhook_secret'>;
  log: Pick<Logger, 'warn' | 'error'>;
}

/**
 * Where Stripe tells what happened. An event is believed by its signature alone, and only says what
 * to look at: state is read from Stripe, so that events may come late, twice and in any order.
 * Without billing there is nothing here.
 */
export function stripeWebhookRoute(parts: StripeWebhookParts | null): BoundRoute {
  return defineRoute({
    id: 'takeStripeEvent',
    summary: 'An event of Stripe, with its signature',
    tag: 'billing',
    method: 'post',
    path: '/v1/billing/stripe',
    access: 'open',
    bytes: 'application/json',
    answers: { 204: { description: 'It has had its effect, now or before' } },
    async handle({ context }) {
      if (parts === null) throw new KartaError('not_found');
      const body = await readBytes(context.env.incoming, EVENT_BYTES);
      const event = signedEvent(parts, body, context.req.header('stripe-signature'));
      await takeEvent(parts, event);
      return noContent();
    },
  });
}

/** The event of a webhook of Stripe. Throws `KartaError('invalid_request')` without its signature. */
function signedEvent(
  { stripe, config }: StripeWebhookParts,
  body: Buffer,
  signature: string | undefined,
): Stripe.Event {
  try {
    return stripe.webhooks.constructEvent(body, signature ?? '', config.webhook_secret);
  } catch (error) {
    if (!(error instanceof stripe.errors.StripeSignatureVerificationError)) throw error;
    throw new KartaError('invalid_request', 'The event is not signed by Stripe, or too old.');
  }
}

/** Applies an event once; one whose effect failed is taken again when it comes again. */
async function takeEvent(parts: StripeWebhookParts, event: Stripe.Event): Promise<void> {
  const { database } = parts;
  const known = await database
    .selectFrom('billing_events')
    .select('id')
    .where('id', '=', event.id)
    .executeTakeFirst();
  if (known !== undefined) return;
  await apply(parts, event);
  await database
    .insertInto('billing_events')
    .values({ id: event.id, type: event.type, at: new Date() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function apply(parts: StripeWebhookParts, event: Stripe.Event): Promise<void> {
  const about = event.data.object;
  if (about.object === 'subscription') {
    await takeSubscription(parts, idOf(about.customer), about.id);
  } else if (about.object === 'invoice' && about.id !== undefined && about.customer !== null) {
    await takeInvoice(parts, idOf(about.customer), about.id, event);
  }
}

function idOf(reference: string | { id: string }): string {
  return typeof reference === 'string' ? reference : reference.id;
}
