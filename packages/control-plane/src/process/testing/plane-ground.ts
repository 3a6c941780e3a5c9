import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listenHttp } from '@karta/http';
import { IdempotencyKeys } from '@karta/postgres';
import { LIMITS, type Role } from '@karta/protocol';
import { loadPepper, mintApiKey } from '@karta/service/home';
import { loopbackSurface, newPlaneKey } from '@karta/service/plane-auth';
import { pino } from 'pino';
import type { z } from 'zod';
import { controlPlaneConfig } from '../../config.ts';
import { createControlApp } from '../../http/app.ts';
import type { BoundRoute } from '../../http/route.ts';
import { createIdentity } from '../../identity/identity.ts';
import { insertOrg } from '../../identity/org-rows.ts';
import {
  type Answer,
  type CallOptions,
  call,
  nextNumber,
  type SignedIn,
  signedUp,
} from '../../identity/testing/identity-ground.ts';
import { insertKey } from '../../keys/api-keys.ts';
import { startTestDatabase, type TestDatabase } from '../../sql/test-database.ts';
import { createRooms } from '../rooms.ts';

/** The whole control plane's public surface, and people of every role. No node is there. */
export interface PlaneGround {
  url: string;
  database: TestDatabase;
  /** What is served, without the login. */
  routes: readonly BoundRoute[];
  /** Lines that were logged. */
  log: string[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  signUp(): Promise<SignedIn>;
  /** An org without anybody in it. */
  org(): Promise<string>;
  /** Gives a person a role in an org, whatever it was before. */
  setRole(orgId: string, personId: string, role: Role): Promise<void>;
  /** A key of an org. */
  key(orgId: string, scope: 'read' | 'write' | 'admin'): Promise<string>;
  close(): Promise<void>;
}

export async function startPlane(
  extra: readonly BoundRoute[] = [],
  settings: Partial<z.input<typeof controlPlaneConfig>> = {},
): Promise<PlaneGround> {
  const database = await startTestDatabase();
  const home = await mkdtemp(join(tmpdir(), 'karta-plane-'));
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
  const config = controlPlaneConfig.parse({
    home,
    host: '127.0.0.1',
    port: 0,
    internal: loopbackSurface(0),
    plane_key: newPlaneKey(),
    nodes: [],
    database_url: database.applicationUrl,
    drain_ms: 0,
    signup: 'open',
    webhooks: { allow_private: ['127.0.0.0/8'] },
    ...settings,
  });
  const rooms = await createRooms({ config, database: database.database, log });
  // Another process of the same home: its logins are the same.
  const { login } = await createIdentity({
    config,
    database: database.database,
    log,
    idempotency: new IdempotencyKeys(database.database, LIMITS.idempotencyMs),
    changed: async () => {},
  });
  const routes = [...rooms.http.routes, ...extra];
  const app = createControlApp({ ...rooms.http, routes, log, ready: () => true });
  const http = await listenHttp(app, { host: '127.0.0.1', port: 0 });
  const pepper = await loadPepper(home);
  return {
    url: http.url,
    database,
    routes,
    log: lines,
    call: (method, path, options) => call(http.url, method, path, options),
    signUp: () => signedUp(login),
    org: () =>
      database.database.transaction().execute(async (tx) => {
        const made = await insertOrg(tx, { slug: `org-${nextNumber()}`, name: 'An org' });
        if (made === null) throw new Error('the slug is taken');
        return made.id;
      }),
    async setRole(orgId, personId, role) {
      await database.database
        .insertInto('memberships')
        .values({ org_id: orgId, person_id: personId, role, created_at: new Date() })
        .onConflict((conflict) => conflict.columns(['org_id', 'person_id']).doUpdateSet({ role }))
        .execute();
    },
    key: (orgId, scope) =>
      database.database.transaction().execute(async (tx) => {
        const secret = mintApiKey('live');
        const actor = { kind: 'system', id: 'test', orgId, label: 'test' } as const;
        const key = { orgId, name: scope, mode: 'live', scopes: [scope] } as const;
        await insertKey(tx, pepper, secret, { ...key, scopes: [...key.scopes] }, actor);
        return secret;
      }),
    async close() {
      await rooms.stop();
      await http.close(0);
      await database.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
