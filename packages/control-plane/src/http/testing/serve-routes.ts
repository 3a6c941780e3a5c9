import { type HttpServer, listenHttp } from '@karta/http';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { Actor } from '../actor.ts';
import { createControlApp } from '../app.ts';
import type { BoundRoute } from '../route.ts';

const CALLER: Actor = {
  kind: 'api_key',
  id: 'key_1',
  orgId: 'org_1',
  mode: 'live',
  scopes: ['read', 'write', 'admin'],
};

/** Serves routes until the test ends, for whoever comes, as by a key of `org_1` that may all. */
export async function serveRoutes(routes: readonly BoundRoute[]): Promise<HttpServer> {
  const app = createControlApp({
    routes: [...routes],
    authenticator: { actorOf: () => Promise.resolve(CALLER) },
    mounts: [],
    webhooks: {},
    log: pino({ level: 'silent' }),
    ready: () => true,
  });
  const server = await listenHttp(app, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close(0));
  return server;
}
