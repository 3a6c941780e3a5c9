import type { IdempotencyScope } from '@karta/http';
import { completeKey } from '@karta/postgres';
import {
  type CreatedWebhook,
  type CreateWebhookBody,
  isoTime,
  KartaError,
  newId,
  type RotatedWebhook,
  type UpdateWebhookBody,
  type Webhook,
} from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Sealer } from '../projects/sealed-value.ts';
import type { Database, Tx } from '../sql/database.ts';
import { newestFirst, type PageAsked } from '../sql/newest-first.ts';
import { checkedEndpoint, type EndpointRules } from './endpoint-address.ts';
import { switchOff } from './record-result.ts';
import { sealContext } from './seal-context.ts';
import { newWebhookSecret } from './signature.ts';
import type { WebhookEndpointRow } from './tables.ts';

/** How long the secret before the newest one signs along, in ms. */
export const ROTATION_OVERLAP_MS = 24 * 60 * 60 * 1000;
/** Endpoints of one org. */
const MAX_ENDPOINTS = 100;

export interface EndpointsParts {
  database: Database;
  sealer: Sealer;
  rules: EndpointRules;
  now?: () => Date;
}

/** The webhook endpoints of orgs. Foreign and absent ones are `KartaError('not_found')` alike. */
export class WebhookEndpoints {
  readonly #parts: EndpointsParts;
  readonly #now: () => Date;

  constructor(parts: EndpointsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => new Date());
  }

  /** Throws `KartaError`: `validation_failed` for an address that endpoints may not have. */
  async create(
    actor: OrgActor,
    body: CreateWebhookBody,
    once: IdempotencyScope | null,
  ): Promise<CreatedWebhook> {
    const { database, sealer, rules } = this.#parts;
    const url = await checkedEndpoint(body.url, rules);
    const id = newId('webhook');
    const secret = newWebhookSecret();
    const now = this.#now();
    return database.transaction().execute(async (tx) => {
      await requireRoom(tx, actor.orgId);
      const row = await tx
        .insertInto('webhook_endpoints')
        .values({
          id,
          org_id: actor.orgId,
          url,
          description: body.description ?? '',
          event_types: body.event_types ?? null,
          ordered: body.ordered ?? false,
          secret: JSON.stringify(sealer.seal(secret, sealContext(actor.orgId, id))),
          enabled: true,
          created_at: now,
          updated_at: now,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      if (once !== null) await completeKey(tx, once, id, 201);
      await record(tx, actor, 'webhooks.create', row);
      return { ...shown(row), secret };
    });
  }

  async list(
    orgId: string,
    asked: PageAsked,
  ): Promise<{ webhooks: Webhook[]; next_cursor: string | null }> {
    const { database } = this.#parts;
    const all = database.selectFrom('webhook_endpoints').selectAll().where('org_id', '=', orgId);
    const { page, nextCursor } = await newestFirst(all, 'webhook', asked);
    return { webhooks: page.map(shown), next_cursor: nextCursor };
  }

  async get(orgId: string, id: string): Promise<Webhook> {
    return shown(await find(this.#parts.database, orgId, id));
  }

  /** Changes what is given. Switching it off cancels what waits; switching it on starts afresh. */
  async update(actor: OrgActor, id: string, body: UpdateWebhookBody): Promise<Webhook> {
    const { database, rules } = this.#parts;
    // Looked up first: the endpoints of others are not a way to have names resolved.
    await find(database, actor.orgId, id);
    const url = body.url === undefined ? undefined : await checkedEndpoint(body.url, rules);
    const now = this.#now();
    return database.transaction().execute(async (tx) => {
      const before = await find(tx, actor.orgId, id, 'locked');
      if (body.enabled === false && before.enabled) await switchOff(tx, id, null, now);
      const row = await tx
        .updateTable('webhook_endpoints')
        .set({
          updated_at: now,
          ...(url === undefined ? {} : { url }),
          ...(body.description === undefined ? {} : { description: body.description }),
          ...(body.event_types === undefined ? {} : { event_types: body.event_types }),
          ...(body.ordered === undefined ? {} : { ordered: body.ordered }),
          ...(body.enabled === true && !before.enabled
            ? { enabled: true, notice: null, failing_since: null }
            : {}),
        })
        .where('id', '=', id)
        .where('org_id', '=', actor.orgId)
        .returningAll()
        .executeTakeFirstOrThrow();
      await record(tx, actor, 'webhooks.update', row);
      return shown(row);
    });
  }

  async remove(actor: OrgActor, id: string): Promise<void> {
    await this.#parts.database.transaction().execute(async (tx) => {
      const row = await find(tx, actor.orgId, id, 'locked');
      await tx.deleteFrom('webhook_endpoints').where('id', '=', row.id).execute();
      await record(tx, actor, 'webhooks.delete', row);
    });
  }

  /** A new secret; the one before it signs along for {@link ROTATION_OVERLAP_MS}. */
  async rotate(
    actor: OrgActor,
    id: string,
    once: IdempotencyScope | null,
  ): Promise<RotatedWebhook> {
    const { database, sealer } = this.#parts;
    const secret = newWebhookSecret();
    const now = this.#now();
    const until = new Date(now.getTime() + ROTATION_OVERLAP_MS);
    return database.transaction().execute(async (tx) => {
      const row = await find(tx, actor.orgId, id, 'locked');
      await tx
        .updateTable('webhook_endpoints')
        .set({
          secret: JSON.stringify(sealer.seal(secret, sealContext(actor.orgId, id))),
          previous_secret: JSON.stringify(row.secret),
          previous_secret_expires_at: until,
          updated_at: now,
        })
        .where('id', '=', id)
        .execute();
      if (once !== null) await completeKey(tx, once, id, 200);
      await record(tx, actor, 'webhooks.rotate', row);
      return { secret, previous_secret_expires_at: isoTime(until) };
    });
  }
}

/** The org's endpoint; locked until the transaction ends when asked for. */
export async function find(
  from: Database | Tx,
  orgId: string,
  id: string,
  lock?: 'locked',
): Promise<WebhookEndpointRow> {
  let query = from
    .selectFrom('webhook_endpoints')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('id', '=', id);
  if (lock !== undefined) query = query.forUpdate();
  const row = await query.executeTakeFirst();
  if (row === undefined) throw new KartaError('not_found', 'There is no such webhook.');
  return row;
}

async function requireRoom(tx: Tx, orgId: string): Promise<void> {
  const { count } = await tx
    .selectFrom('webhook_endpoints')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('org_id', '=', orgId)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_ENDPOINTS) {
    throw new KartaError('validation_failed', `An org has at most ${MAX_ENDPOINTS} webhooks.`);
  }
}

async function record(
  tx: Tx,
  actor: OrgActor,
  action: string,
  row: WebhookEndpointRow,
): Promise<void> {
  const { url, enabled, event_types } = row;
  const { origin, pathname } = new URL(url);
  await recordAudit(tx, {
    actor,
    action,
    target: { kind: 'webhook', id: row.id },
    // A query may hold a secret of the receiver.
    details: { url: origin + pathname, enabled, event_types },
  });
}

function shown(row: WebhookEndpointRow): Webhook {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    event_types: row.event_types,
    ordered: row.ordered,
    enabled: row.enabled,
    notice: row.notice,
    failing_since: row.failing_since === null ? null : isoTime(row.failing_since),
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
  };
}
