import type { IdempotencyStore } from '@karta/http';
import {
  createdWebhook,
  createWebhookBody,
  deliveryDetail,
  deliveryList,
  deliveryQuery,
  pageQuery,
  rotatedWebhook,
  updateWebhookBody,
  webhook,
  webhookDelivery,
  webhookList,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json, jsonAnswer, noContent } from '../http/route.ts';
import { shownOnce } from '../http/shown-once.ts';
import type { WebhookDeliveries } from './deliveries.ts';
import type { WebhookEndpoints } from './endpoints.ts';

const tag = 'webhooks';

/** Endpoints of webhooks: create, list, change, rotate, remove. */
export function endpointRoutes(
  endpoints: WebhookEndpoints,
  idempotency: IdempotencyStore,
): BoundRoute[] {
  return [
    defineRoute({
      id: 'createWebhook',
      summary: 'Create a webhook; the answer alone holds its signing secret',
      tag,
      method: 'post',
      path: '/v1/webhooks',
      access: 'webhooks.manage',
      body: createWebhookBody,
      answers: { 201: jsonAnswer('The webhook', createdWebhook) },
      handle: (call) =>
        shownOnce(idempotency, call, 'createWebhook', (scope) =>
          endpoints.create(call.caller, call.body, scope),
        ),
    }),
    defineRoute({
      id: 'listWebhooks',
      summary: 'Webhooks, newest first',
      tag,
      method: 'get',
      path: '/v1/webhooks',
      access: 'webhooks.read',
      query: pageQuery,
      answers: { 200: jsonAnswer('Webhooks', webhookList) },
      handle: async ({ caller, query }) => json(200, await endpoints.list(caller.orgId, query)),
    }),
    defineRoute({
      id: 'getWebhook',
      summary: 'A webhook, with what somebody should know of it',
      tag,
      method: 'get',
      path: '/v1/webhooks/{webhook_id}',
      access: 'webhooks.read',
      answers: { 200: jsonAnswer('The webhook', webhook) },
      handle: async ({ caller, param }) =>
        json(200, await endpoints.get(caller.orgId, param('webhook_id'))),
    }),
    defineRoute({
      id: 'updateWebhook',
      summary: 'Change a webhook, switch it off or on',
      tag,
      method: 'patch',
      path: '/v1/webhooks/{webhook_id}',
      access: 'webhooks.manage',
      body: updateWebhookBody,
      answers: { 200: jsonAnswer('The webhook', webhook) },
      handle: async ({ caller, body, param }) =>
        json(200, await endpoints.update(caller, param('webhook_id'), body)),
    }),
    defineRoute({
      id: 'deleteWebhook',
      summary: 'Remove a webhook and its log',
      tag,
      method: 'delete',
      path: '/v1/webhooks/{webhook_id}',
      access: 'webhooks.manage',
      answers: { 204: { description: 'Removed' } },
      async handle({ caller, param }) {
        await endpoints.remove(caller, param('webhook_id'));
        return noContent();
      },
    }),
    defineRoute({
      id: 'rotateWebhookSecret',
      summary: 'A new signing secret; for 24 hours both sign',
      tag,
      method: 'post',
      path: '/v1/webhooks/{webhook_id}/rotate',
      access: 'webhooks.manage',
      answers: { 200: jsonAnswer('The secret', rotatedWebhook) },
      handle(call) {
        const id = call.param('webhook_id');
        return shownOnce(
          idempotency,
          call,
          `rotateWebhookSecret ${id}`,
          (scope) => endpoints.rotate(call.caller, id, scope),
          200,
        );
      },
    }),
  ];
}

/** What was sent to an endpoint, and sending it again. */
export function deliveryRoutes(deliveries: WebhookDeliveries): BoundRoute[] {
  return [
    defineRoute({
      id: 'testWebhook',
      summary: 'Send a test event to this webhook alone',
      tag,
      method: 'post',
      path: '/v1/webhooks/{webhook_id}/test',
      access: 'webhooks.manage',
      answers: { 202: jsonAnswer('The delivery, on its way', webhookDelivery) },
      handle: async ({ caller, param }) =>
        json(202, await deliveries.test(caller, param('webhook_id'))),
    }),
    defineRoute({
      id: 'listWebhookDeliveries',
      summary: 'What was sent to a webhook, newest first',
      tag,
      method: 'get',
      path: '/v1/webhooks/{webhook_id}/deliveries',
      access: 'webhooks.read',
      query: deliveryQuery,
      answers: { 200: jsonAnswer('Deliveries', deliveryList) },
      handle: async ({ caller, param, query }) =>
        json(200, await deliveries.list(caller.orgId, param('webhook_id'), query)),
    }),
    defineRoute({
      id: 'getWebhookDelivery',
      summary: 'A delivery with its payload and every try',
      tag,
      method: 'get',
      path: '/v1/webhooks/{webhook_id}/deliveries/{delivery_id}',
      access: 'webhooks.read',
      answers: { 200: jsonAnswer('The delivery', deliveryDetail) },
      handle: async ({ caller, param }) =>
        json(200, await deliveries.get(caller.orgId, param('webhook_id'), param('delivery_id'))),
    }),
    defineRoute({
      id: 'redeliverWebhook',
      summary: 'Send the same event once more, under the same id',
      tag,
      method: 'post',
      path: '/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver',
      access: 'webhooks.manage',
      answers: { 202: jsonAnswer('The new delivery, on its way', webhookDelivery) },
      handle: async ({ caller, param }) =>
        json(202, await deliveries.redeliver(caller, param('webhook_id'), param('delivery_id'))),
    }),
  ];
}
