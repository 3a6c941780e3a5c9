import { newId, type WebhookEventDataOf, type WebhookEventType } from '@karta/protocol';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import { eventText } from './event-text.ts';

/** Something that happened in an org, for those who asked to hear of it. */
export interface WebhookEvent<T extends WebhookEventType = WebhookEventType> {
  orgId: string;
  type: T;
  data: WebhookEventDataOf<T>;
  /** When it happened; now when left out. */
  at?: Date;
  /** An event of the same id has one effect; a new one when left out. */
  id?: string;
}

/**
 * Queues an event for every endpoint of its org that wants its type, within the transaction of the
 * change: it is sent if and only if the change is committed. One statement; an event that nobody
 * wants leaves nothing behind.
 */
export async function emitWebhook<T extends WebhookEventType>(
  tx: Tx,
  event: WebhookEvent<T>,
): Promise<void> {
  await emitWebhooks(tx, [event as WebhookEvent]);
}

/** {@link emitWebhook} for many, of any orgs; endpoints that keep an order get them in this one. */
export async function emitWebhooks(tx: Tx, events: readonly WebhookEvent[]): Promise<void> {
  if (events.length === 0) return;
  // The same event twice in one statement would be two: they cannot see each other.
  const byId = new Map(
    events.map((event) => {
      const { orgId, type, data, at = new Date(), id = newId('event') } = event;
      const body = eventText({ id, type, at, orgId, data });
      return [`${orgId} ${id}`, { orgId, id, type, at, body }];
    }),
  );
  const stored = [...byId.values()];
  await sql`
    with happened as (
      select * from unnest(
        ${stored.map(({ orgId }) => orgId)}::text[], ${stored.map(({ id }) => id)}::text[],
        ${stored.map(({ type }) => type)}::text[], ${stored.map(({ body }) => body)}::text[],
        ${stored.map(({ at }) => at.toISOString())}::timestamptz[]
      ) with ordinality as event (org_id, id, type, body, created_at, place)
    ), wanted as (
      select happened.*, endpoint.id as endpoint_id
      from happened join webhook_endpoints endpoint on endpoint.org_id = happened.org_id
        and endpoint.enabled
        and (endpoint.event_types is null or happened.type = any (endpoint.event_types))
    ), kept as (
      insert into webhook_events (org_id, id, type, body, created_at)
      select distinct org_id, id, type, body, created_at from wanted
      on conflict do nothing returning org_id, id
    )
    insert into webhook_deliveries
      (id, org_id, endpoint_id, event_id, event_type, status, attempts, next_attempt_at, created_at)
    select 'whd_' || left(replace(gen_random_uuid()::text, '-', ''), 24),
      org_id, endpoint_id, id, type, 'pending', 0, least(created_at, now()), now()
    from wanted join kept using (org_id, id)
    order by place`.execute(tx);
}
