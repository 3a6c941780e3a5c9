import { listenHttp } from '@karta/http';
import { loadPepper } from '@karta/service/home';
import { dropTo, userToBecome } from '@karta/service/own-user';
import type { Logger } from 'pino';
import type { ControlPlaneConfig } from '../config.ts';
import { createControlApp } from '../http/app.ts';
import { ensureFirstOrg } from '../identity/first-org.ts';
import { ensureFirstKey } from '../keys/first-key.ts';
import { openDatabase } from '../sql/database.ts';
import { migrateControlPlane } from '../sql/migrate.ts';
import { createRooms } from './rooms.ts';

/** Requests in flight are given this long once no new ones are taken, in ms. */
const CLOSE_MS = 2_000;

export interface ServedControlPlane {
  url: string;
  internalUrl: string;
  /** The operator's admin plane; `null` when there is none. */
  operatorUrl: string | null;
  /** Takes nothing new, lets requests end, closes what is open. Idempotent. */
  drain(): Promise<void>;
}

/**
 * Starts a whole control plane. What had been started when something fails is stopped again. `now`:
 * the clock by which windows of budgets begin and end; a test turns it.
 */
export async function serveControlPlane(
  config: ControlPlaneConfig,
  log: Logger,
  now?: () => Date,
): Promise<ServedControlPlane> {
  await using started = new AsyncDisposableStack();
  if (config.database_owner_url !== undefined) {
    await migrateControlPlane(config.database_owner_url, config.database_url);
  }
  const database = openDatabase(config.database_url, (error) => {
    log.warn({ err: error }, 'a database connection broke');
  });
  started.defer(() => database.destroy());
  if (config.first_org !== undefined) {
    const { orgId } = await ensureFirstOrg(database, config.first_org.id);
    const { home } = config;
    await ensureFirstKey({ home, database, pepper: await loadPepper(home) }, orgId);
  }
  const rooms = await createRooms({ config, database, log, ...(now && { now }) });
  started.defer(() => rooms.stop());

  let ready = false;
  const app = createControlApp({ ...rooms.http, log, ready: () => ready });
  const http = await listenHttp(app, { host: config.host, port: config.port });
  started.defer(() => http.close(CLOSE_MS));
  const internal = await rooms.listenInternal(() => ready);
  started.defer(() => internal.close(CLOSE_MS));
  const operator = await rooms.listenOperator(() => ready);
  if (operator) started.defer(() => operator.close(CLOSE_MS));
  const user = userToBecome(config.run_as_uid);
  if (user !== null) {
    dropTo(user);
    log.info({ uid: process.getuid?.() }, 'root is given up');
  }
  await rooms.start();
  started.defer(async () => {
    ready = false;
  });
  ready = true;

  const running = started.move();
  let draining: Promise<void> | null = null;
  return {
    url: http.url,
    internalUrl: internal.url,
    operatorUrl: operator?.url ?? null,
    drain: () => {
      draining ??= running.disposeAsync();
      return draining;
    },
  };
}
