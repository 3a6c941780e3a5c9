import type { IdempotencyStore } from '@karta/http';
import {
  WEBHOOK_SUMMARIES,
  type WebhookEventType,
  webhookBody,
  webhookEventData,
} from '@karta/protocol';
import type { Logger } from 'pino';
import type { ControlHttp } from '../http/app.ts';
import type { BoundRoute } from '../http/route.ts';
import { openSealer } from '../projects/sealed-value.ts';
import type { Database } from '../sql/database.ts';
import { Deliverer } from './deliverer.ts';
import { WebhookDeliveries } from './deliveries.ts';
import { endpointRules, type WebhookNetwork } from './endpoint-address.ts';
import { WebhookEndpoints } from './endpoints.ts';
import { deliveryRoutes, endpointRoutes } from './webhook-routes.ts';

export interface WebhooksParts {
  home: string;
  database: Database;
  idempotency: IdempotencyStore;
  network: WebhookNetwork;
  log: Pick<Logger, 'warn' | 'error'>;
  now?: () => Date;
  /** For one try of a delivery, in ms; the usual time when left out. */
  timeoutMs?: number;
}

/** Everything of webhooks in one control plane. */
export interface WebhooksRoom {
  routes: BoundRoute[];
  /** The catalogue, as the OpenAPI document tells of it. */
  documented: NonNullable<ControlHttp['webhooks']>;
  deliverer: Deliverer;
  start(): void;
  stop(): Promise<void>;
}

export async function createWebhooksRoom(parts: WebhooksParts): Promise<WebhooksRoom> {
  const { database, idempotency } = parts;
  const sealer = await openSealer(parts.home);
  const rules = endpointRules(parts.network);
  const endpoints = new WebhookEndpoints({ ...parts, sealer, rules });
  const deliveries = new WebhookDeliveries(database, parts.now);
  const deliverer = new Deliverer({ ...parts, sealer, rules });
  return {
    routes: [...endpointRoutes(endpoints, idempotency), ...deliveryRoutes(deliveries)],
    documented: webhookCatalogue(),
    deliverer,
    start: () => deliverer.start(),
    stop: () => deliverer.stop(),
  };
}

/** Every event type with its schema. */
export function webhookCatalogue(): NonNullable<ControlHttp['webhooks']> {
  const types = Object.keys(webhookEventData) as WebhookEventType[];
  return Object.fromEntries(
    types.map((type) => [type, { summary: WEBHOOK_SUMMARIES[type], body: webhookBody(type) }]),
  );
}
