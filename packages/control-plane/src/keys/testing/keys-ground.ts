import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpServer, listenHttp } from '@karta/http';
import { loadPepper, mintApiKey } from '@karta/service/home';
import {
  loopbackSurface,
  newPlaneKey,
  type PlaneClient,
  type PlanePrivateKey,
  planeClient,
  publicHalf,
} from '@karta/service/plane-auth';
import { pino } from 'pino';
import { controlPlaneConfig } from '../../config.ts';
import { createControlApp } from '../../http/app.ts';
import { insertOrg } from '../../identity/org-rows.ts';
import { createRooms, type Rooms } from '../../process/rooms.ts';
import { insertProject } from '../../projects/projects.ts';
import { startTestDatabase, type TestDatabase } from '../../sql/test-database.ts';
import { insertKey } from '../api-keys.ts';

/** An org with an API key that may do everything. */
export interface TestOrg {
  id: string;
  slug: string;
  apiKey: string;
  keyId: string;
}

/** The whole control plane over a real database and real sockets; no node is ever told anything. */
export interface KeysGround {
  url: string;
  home: string;
  internal: HttpServer;
  rooms: Rooms;
  database: TestDatabase;
  /** Of the one data plane. */
  nodeKey: PlanePrivateKey;
  /** Asks as that data plane. */
  node: PlaneClient;
  /** Asks as the doors of that data plane. */
  doors: PlaneClient;
  org(mode?: 'live' | 'test'): Promise<TestOrg>;
  /** A project of the org; returns its id. */
  project(org: TestOrg, ref: string): Promise<string>;
  call(
    method: string,
    path: string,
    options?: { key?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Response>;
  close(): Promise<void>;
}

export async function startKeys(): Promise<KeysGround> {
  const database = await startTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'karta-keys-'));
  const log = pino({ level: 'silent' });
  const nodeKey = newPlaneKey();
  const doorsKey = newPlaneKey();
  const config = controlPlaneConfig.parse({
    home,
    host: '127.0.0.1',
    port: 0,
    internal: loopbackSurface(0),
    plane_key: newPlaneKey(),
    nodes: [
      {
        internal_url: 'http://127.0.0.1:9',
        key: publicHalf(nodeKey),
        doors_key: publicHalf(doorsKey),
      },
    ],
    database_url: database.applicationUrl,
    drain_ms: 0,
  });
  const rooms = await createRooms({ config, database: database.database, log });
  const app = createControlApp({ ...rooms.http, log, ready: () => true });
  const http = await listenHttp(app, { host: '127.0.0.1', port: 0 });
  const internal = await rooms.listenInternal(() => true);
  const pepper = await loadPepper(home);
  const actorOf = (orgId: string) =>
    ({ kind: 'system', id: 'test', orgId, label: 'test' }) as const;
  let made = 0;
  return {
    url: http.url,
    home,
    internal,
    rooms,
    database,
    nodeKey,
    node: planeClient({ baseUrl: internal.url, key: nodeKey, audience: 'control' }),
    doors: planeClient({ baseUrl: internal.url, key: doorsKey, audience: 'control' }),
    org: (mode = 'live') =>
      database.database.transaction().execute(async (tx) => {
        made += 1;
        const inserted = await insertOrg(tx, { slug: `org-${made}`, name: 'An org' });
        if (inserted === null) throw new Error('the slug is taken');
        const { id, slug } = inserted;
        const apiKey = mintApiKey(mode);
        const row = await insertKey(
          tx,
          pepper,
          apiKey,
          { orgId: id, name: 'first', mode, scopes: ['admin'] },
          actorOf(id),
        );
        return { id, slug, apiKey, keyId: row.id };
      }),
    project: (org, ref) =>
      database.database.transaction().execute(async (tx) => {
        const actor = { kind: 'api_key', id: org.keyId, orgId: org.id, label: org.keyId } as const;
        return (await insertProject(tx, actor, { ref, allowed_origins: [] })).id;
      }),
    call: (method, path, { key, body, headers } = {}) =>
      fetch(`${http.url}${path}`, {
        method,
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async close() {
      await http.close(0);
      await internal.close(0);
      await rooms.stop();
      await database.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
