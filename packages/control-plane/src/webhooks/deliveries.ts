import { badParameter } from '@karta/http';
import {
  type DeliveryDetail,
  type DeliveryQuery,
  isoTime,
  KartaError,
  newId,
  type WebhookDelivery,
} from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Database, Tx } from '../sql/database.ts';
import { find } from './endpoints.ts';
import { eventText } from './event-text.ts';
import type { WebhookDeliveryRow } from './tables.ts';

const DEFAULT_ROWS = 50;

/** The log of deliveries, and what one does with it. */
export class WebhookDeliveries {
  readonly #database: Database;
  readonly #now: () => Date;

  constructor(database: Database, now: () => Date = () => new Date()) {
    this.#database = database;
    this.#now = now;
  }

  /** Newest first. */
  async list(
    orgId: string,
    endpointId: string,
    query: DeliveryQuery,
  ): Promise<{ deliveries: WebhookDelivery[]; next_cursor: string | null }> {
    await find(this.#database, orgId, endpointId);
    const limit = query.limit ?? DEFAULT_ROWS;
    let rows = this.#database
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('endpoint_id', '=', endpointId)
      .orderBy('position', 'desc')
      .limit(limit + 1);
    if (query.status !== undefined) rows = rows.where('status', '=', query.status);
    if (query.cursor !== undefined) rows = rows.where('position', '<', positionOf(query.cursor));
    const found = await rows.execute();
    const page = found.slice(0, limit);
    const last = found.length > limit ? page.at(-1) : undefined;
    return { deliveries: page.map(shown), next_cursor: last ? last.position : null };
  }

  async get(orgId: string, endpointId: string, id: string): Promise<DeliveryDetail> {
    const row = await this.#find(this.#database, orgId, endpointId, id);
    const event = await this.#database
      .selectFrom('webhook_events')
      .select('body')
      .where('org_id', '=', orgId)
      .where('id', '=', row.event_id)
      .executeTakeFirstOrThrow();
    const tries = await this.#database
      .selectFrom('webhook_attempts')
      .selectAll()
      .where('delivery_id', '=', id)
      .orderBy('number')
      .execute();
    return {
      ...shown(row),
      payload: event.body,
      tries: tries.map(({ delivery_id: _, at, ...rest }) => ({ ...rest, at: isoTime(at) })),
    };
  }

  /** Sends the same event once more, as a delivery of its own: under the same id as before. */
  async redeliver(actor: OrgActor, endpointId: string, id: string): Promise<WebhookDelivery> {
    return this.#database.transaction().execute(async (tx) => {
      await requireEnabled(tx, actor.orgId, endpointId);
      const { event_id, event_type } = await this.#find(tx, actor.orgId, endpointId, id);
      return this.#queue(tx, actor, endpointId, 'webhooks.redeliver', { event_id, event_type });
    });
  }

  /** Sends a test event to this endpoint alone. */
  async test(actor: OrgActor, endpointId: string): Promise<WebhookDelivery> {
    return this.#database.transaction().execute(async (tx) => {
      await requireEnabled(tx, actor.orgId, endpointId);
      const id = newId('event');
      const at = this.#now();
      const type = 'webhook.test';
      const data = { endpoint_id: endpointId };
      const body = eventText({ id, type, at, orgId: actor.orgId, data });
      await tx
        .insertInto('webhook_events')
        .values({ org_id: actor.orgId, id, type, body, created_at: at })
        .execute();
      const event = { event_id: id, event_type: type };
      return this.#queue(tx, actor, endpointId, 'webhooks.test', event);
    });
  }

  async #queue(
    tx: Tx,
    actor: OrgActor,
    endpointId: string,
    action: string,
    event: { event_id: string; event_type: string },
  ): Promise<WebhookDelivery> {
    const now = this.#now();
    const row = await tx
      .insertInto('webhook_deliveries')
      .values({
        id: newId('delivery'),
        org_id: actor.orgId,
        endpoint_id: endpointId,
        ...event,
        status: 'pending',
        attempts: 0,
        next_attempt_at: now,
        created_at: now,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    const target = { kind: 'webhook', id: endpointId };
    const details = { delivery_id: row.id, ...event };
    await recordAudit(tx, { actor, action, target, details });
    return shown(row);
  }

  async #find(
    from: Database | Tx,
    orgId: string,
    endpointId: string,
    id: string,
  ): Promise<WebhookDeliveryRow> {
    const row = await from
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('org_id', '=', orgId)
      .where('endpoint_id', '=', endpointId)
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) throw new KartaError('not_found', 'There is no such delivery.');
    return row;
  }
}

async function requireEnabled(tx: Tx, orgId: string, endpointId: string): Promise<void> {
  const { enabled } = await find(tx, orgId, endpointId, 'locked');
  if (!enabled) throw new KartaError('webhook_disabled');
}

/** A cursor is the position of the last delivery of a page. */
function positionOf(cursor: string): string {
  if (/^[1-9]\d{0,17}$/.test(cursor)) return cursor;
  throw badParameter('cursor', 'is none that this list gave out');
}

function shown(row: WebhookDeliveryRow): WebhookDelivery {
  const time = (date: Date | null) => (date === null ? null : isoTime(date));
  return {
    id: row.id,
    event_id: row.event_id,
    event_type: row.event_type,
    status: row.status,
    attempts: row.attempts,
    next_attempt_at: time(row.next_attempt_at),
    last_attempt_at: time(row.last_attempt_at),
    response_status: row.response_status,
    error: row.error,
    created_at: isoTime(row.created_at),
    delivered_at: time(row.delivered_at),
  };
}
