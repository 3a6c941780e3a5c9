import { isoTime, type WebhookEventDataOf, type WebhookEventType } from '@karta/protocol';

/** The body of an event as its receivers get it, byte for byte. */
export function eventText<T extends WebhookEventType>(event: {
  id: string;
  type: T;
  at: Date;
  orgId: string;
  data: WebhookEventDataOf<T>;
}): string {
  const { id, type, at, orgId, data } = event;
  return JSON.stringify({ id, type, timestamp: isoTime(at), org_id: orgId, data });
}
