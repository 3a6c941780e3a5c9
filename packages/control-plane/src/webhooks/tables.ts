import type { DeliveryStatus } from '@karta/protocol';
import type { GeneratedAlways, JSONColumnType, Selectable } from 'kysely';
import type { SealedValue } from '../projects/tables.ts';

export interface WebhookTables {
  webhook_endpoints: WebhookEndpointTable;
  webhook_events: WebhookEventTable;
  webhook_deliveries: WebhookDeliveryTable;
  webhook_attempts: WebhookAttemptTable;
}

export interface WebhookEndpointTable {
  id: string;
  org_id: string;
  url: string;
  description: string;
  /** `null`: every type. */
  event_types: string[] | null;
  ordered: boolean;
  /** Sealed, as is the previous one. */
  secret: JSONColumnType<SealedValue>;
  previous_secret: JSONColumnType<SealedValue> | null;
  previous_secret_expires_at: Date | null;
  enabled: boolean;
  notice: string | null;
  failing_since: Date | null;
  created_at: Date;
  updated_at: Date;
}
export type WebhookEndpointRow = Selectable<WebhookEndpointTable>;

export interface WebhookEventTable {
  org_id: string;
  id: string;
  type: string;
  /** Sent byte for byte. */
  body: string;
  created_at: Date;
}

export interface WebhookDeliveryTable {
  id: string;
  position: GeneratedAlways<string>;
  org_id: string;
  endpoint_id: string;
  event_id: string;
  event_type: string;
  status: DeliveryStatus;
  attempts: number;
  /** When it is due; while a try is under way, when that try counts as lost. */
  next_attempt_at: Date | null;
  last_attempt_at: Date | null;
  response_status: number | null;
  error: string | null;
  created_at: Date;
  delivered_at: Date | null;
}
export type WebhookDeliveryRow = Selectable<WebhookDeliveryTable>;

export interface WebhookAttemptTable {
  delivery_id: string;
  number: number;
  at: Date;
  duration_ms: number;
  response_status: number | null;
  response_body: string | null;
  error: string | null;
}
