import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpServer, listenHttp } from '@karta/http';
import { IdempotencyKeys } from '@karta/postgres';
import { type CreatedWebhook, createdWebhook, LIMITS, newId } from '@karta/protocol';
import { pino } from 'pino';
import { createControlApp } from '../../http/app.ts';
import { insertOrg } from '../../identity/org-rows.ts';
import { startTestDatabase, type TestDatabase } from '../../sql/test-database.ts';
import type { WebhookNetwork } from '../endpoint-address.ts';
import { createWebhooksRoom, type WebhooksRoom } from '../webhooks-room.ts';

/** Webhooks over a real database and real sockets, on a clock that the test moves. */
export interface WebhooksGround {
  url: string;
  database: TestDatabase;
  room: WebhooksRoom;
  /** Milliseconds since the epoch. */
  now: number;
  org(): Promise<string>;
  /** As a key of that org that may do everything. */
  call(
    orgId: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Response>;
  create(orgId: string, body: Record<string, unknown>): Promise<CreatedWebhook>;
  close(): Promise<void>;
}

/** `timeoutMs`: for one try of a delivery. */
export async function startWebhooks(
  network: WebhookNetwork,
  timeoutMs = 500,
): Promise<WebhooksGround> {
  const database = await startTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'karta-webhooks-'));
  const log = pino({ level: 'silent' });
  const room = await createWebhooksRoom({
    home,
    database: database.database,
    idempotency: new IdempotencyKeys(database.database, LIMITS.idempotencyMs),
    network,
    log,
    now: () => new Date(ground.now),
    timeoutMs,
  });
  const app = createControlApp({
    routes: room.routes,
    authenticator: {
      actorOf: async (headers) => {
        const orgId = headers.get('authorization');
        if (orgId === null) return null;
        return { kind: 'api_key', id: 'key_1', orgId, scopes: ['admin'], mode: 'live' };
      },
    },
    mounts: [],
    webhooks: room.documented,
    log,
    ready: () => true,
  });
  const http: HttpServer = await listenHttp(app, { host: '127.0.0.1', port: 0 });
  const ground: WebhooksGround = {
    url: http.url,
    database,
    room,
    now: Date.now(),
    async org() {
      const slug = newId('org').replace('_', '-');
      const org = await database.database
        .transaction()
        .execute((tx) => insertOrg(tx, { slug, name: 'An org' }));
      if (org === null) throw new Error('the slug is taken');
      return org.id;
    },
    call: (orgId, method, path, body, headers = {}) =>
      fetch(`${http.url}${path}`, {
        method,
        headers: {
          authorization: orgId,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async create(orgId, body) {
      const answer = await ground.call(orgId, 'POST', '/v1/webhooks', body);
      return createdWebhook.parse(await answer.json());
    },
    async close() {
      await room.stop();
      await http.close(0);
      await database.close();
      await rm(home, { recursive: true, force: true });
    },
  };
  return ground;
}
