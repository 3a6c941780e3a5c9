import { z } from 'zod';
import { cleanText } from '../text.ts';
import { WEBHOOK_EVENT_TYPES } from './webhook-events.ts';

/** A type that an endpoint can ask for. */
export const webhookEventType = z.enum(WEBHOOK_EVENT_TYPES as [string, ...string[]]);

const url = z.url().max(2_048);
const description = cleanText.max(256);
const eventTypes = z
  .array(webhookEventType)
  .min(1)
  .refine((list) => new Set(list).size === list.length, { message: 'must name each type once' });

/** Body of `POST /v1/webhooks`. */
export const createWebhookBody = z.strictObject({
  /** `https://…`, on a public address. */
  url,
  description: description.optional(),
  /** Left out: every type, also those to come. */
  event_types: eventTypes.nullable().optional(),
  /** One after the other in the order they happened; a failure holds back what follows. */
  ordered: z.boolean().optional(),
});
export type CreateWebhookBody = z.infer<typeof createWebhookBody>;

/** Body of `PATCH /v1/webhooks/{webhook_id}`. Enabling one that was switched off starts it afresh. */
export const updateWebhookBody = z.strictObject({
  url: url.optional(),
  description: description.optional(),
  event_types: eventTypes.nullable().optional(),
  ordered: z.boolean().optional(),
  enabled: z.boolean().optional(),
});
export type UpdateWebhookBody = z.infer<typeof updateWebhookBody>;

/** An endpoint, without its secret. */
export const webhook = z.strictObject({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  /** `null`: every type. */
  event_types: z.array(z.string()).nullable(),
  ordered: z.boolean(),
  enabled: z.boolean(),
  /** What somebody should know, such as why it was switched off; `null` when all is well. */
  notice: z.string().nullable(),
  /** Since when no delivery has succeeded, when the last one failed. */
  failing_since: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
});
export type Webhook = z.infer<typeof webhook>;

/** Answer of `POST /v1/webhooks`: the only time that the secret is shown. */
export const createdWebhook = webhook.extend({
  /** `whsec_…`, of the Standard Webhooks libraries. */
  secret: z.string(),
});
export type CreatedWebhook = z.infer<typeof createdWebhook>;

/** Answer of `POST /v1/webhooks/{webhook_id}/rotate`: deliveries carry both signatures until then. */
export const rotatedWebhook = z.strictObject({
  secret: z.string(),
  previous_secret_expires_at: z.string(),
});
export type RotatedWebhook = z.infer<typeof rotatedWebhook>;

export const webhookList = z.strictObject({
  webhooks: z.array(webhook),
  next_cursor: z.string().nullable(),
});

/** `pending`: it will be tried. `failed`: no try is left. `cancelled`: its endpoint was switched off. */
export const deliveryStatus = z.enum(['pending', 'delivered', 'failed', 'cancelled']);
export type DeliveryStatus = z.infer<typeof deliveryStatus>;

/** Query of `GET /v1/webhooks/{webhook_id}/deliveries`: newest first. */
export const deliveryQuery = z.strictObject({
  status: deliveryStatus.optional(),
  limit: z.coerce.number().int().min(1).max(100).optional(),
  cursor: z.string().max(512).optional(),
});
export type DeliveryQuery = z.infer<typeof deliveryQuery>;

/** One event on its way to one endpoint. */
export const webhookDelivery = z.strictObject({
  id: z.string(),
  event_id: z.string(),
  event_type: z.string(),
  status: deliveryStatus,
  attempts: z.int().nonnegative(),
  next_attempt_at: z.string().nullable(),
  last_attempt_at: z.string().nullable(),
  /** Of the last try; `null` when no answer came. */
  response_status: z.int().nullable(),
  /** Why the last try failed, when it did. */
  error: z.string().nullable(),
  created_at: z.string(),
  delivered_at: z.string().nullable(),
});
export type WebhookDelivery = z.infer<typeof webhookDelivery>;

export const deliveryList = z.strictObject({
  deliveries: z.array(webhookDelivery),
  next_cursor: z.string().nullable(),
});

/** One try of a delivery. */
export const webhookAttempt = z.strictObject({
  number: z.int().positive(),
  at: z.string(),
  duration_ms: z.int().nonnegative(),
  response_status: z.int().nullable(),
  /** The start of what the endpoint answered. */
  response_body: z.string().nullable(),
  error: z.string().nullable(),
});

/** Answer of `GET /v1/webhooks/{webhook_id}/deliveries/{delivery_id}`. */
export const deliveryDetail = webhookDelivery.extend({
  /** The body as it is sent, byte for byte. */
  payload: z.string(),
  tries: z.array(webhookAttempt),
});
export type DeliveryDetail = z.infer<typeof deliveryDetail>;
