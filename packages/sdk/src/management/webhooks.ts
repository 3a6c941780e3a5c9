import type {
  CreatedWebhook,
  CreateWebhookBody,
  DeliveryDetail,
  DeliveryStatus,
  RotatedWebhook,
  UpdateWebhookBody,
  Webhook,
  WebhookDelivery,
} from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';

/** Endpoints that are told of what happens, and what was told them. */
export class Webhooks {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(options: PageOptions = {}): PagedList<Webhook> {
    return listOf(this.#transport, '/v1/webhooks', 'webhooks', options);
  }

  /** The answer alone holds the secret. */
  create(body: CreateWebhookBody): Promise<CreatedWebhook> {
    return this.#transport.json({ method: 'POST', path: '/v1/webhooks', json: body });
  }

  get(id: string): Promise<Webhook> {
    return this.#transport.json({ method: 'GET', path: webhookPath(id) });
  }

  update(id: string, change: UpdateWebhookBody): Promise<Webhook> {
    return this.#transport.json({ method: 'PATCH', path: webhookPath(id), json: change });
  }

  async delete(id: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: webhookPath(id), goneIsDone: true });
  }

  /** Makes a new secret; deliveries carry both signatures until the old one expires. */
  rotate(id: string): Promise<RotatedWebhook> {
    return this.#transport.json({ method: 'POST', path: `${webhookPath(id)}/rotate`, json: {} });
  }

  /** Sends a `webhook.test` event. */
  test(id: string): Promise<WebhookDelivery> {
    return this.#transport.json({ method: 'POST', path: `${webhookPath(id)}/test`, json: {} });
  }

  deliveries(
    id: string,
    options: PageOptions & { status?: DeliveryStatus } = {},
  ): PagedList<WebhookDelivery> {
    return listOf(this.#transport, `${webhookPath(id)}/deliveries`, 'deliveries', {
      ...options,
      query: { status: options.status },
    });
  }

  delivery(id: string, deliveryId: string): Promise<DeliveryDetail> {
    return this.#transport.json({ method: 'GET', path: deliveryPath(id, deliveryId) });
  }

  redeliver(id: string, deliveryId: string): Promise<WebhookDelivery> {
    return this.#transport.json({
      method: 'POST',
      path: `${deliveryPath(id, deliveryId)}/redeliver`,
      json: {},
    });
  }
}

function webhookPath(id: string): string {
  return `/v1/webhooks/${encodeURIComponent(id)}`;
}

function deliveryPath(id: string, deliveryId: string): string {
  return `${webhookPath(id)}/deliveries/${encodeURIComponent(deliveryId)}`;
}
