import { createHarnesses } from '@karta/harness';
import { trustedProxies } from '@karta/http';
import type { Isolation } from '@karta/protocol';
import { secretFile } from '@karta/service';
import type { Logger } from 'pino';
import { createStreamTickets } from '../auth/stream-tickets.ts';
import type { DataPlaneConfig } from '../config.ts';
import {
  createHttpApp,
  createMetrics,
  listenHttp,
  listenInternal,
  projectHosts,
} from '../http/index.ts';
import { RateLimiter } from '../rates/rate-limiter.ts';
import { objectsOf } from '../rates/rate-subject.ts';
import { createRunner } from '../runner/index.ts';
import { SessionEngine } from '../sessions/session-engine.ts';
import { migrateDataPlane, openDatabase } from '../sql/index.ts';
import { dropReleases } from './drop-releases.ts';
import { endRevoked } from './end-revoked.ts';
import { startOutbox } from './start-outbox.ts';
import { stopSuspended } from './stop-suspended.ts';
import { openSystemOfRecord } from './system-of-record.ts';
import { watchReleases } from './watch-releases.ts';

/** After the turns have drained only answers on their way are left. */
const CLOSE_MS = 2_000;

export interface ServedDataPlane {
  url: string;
  internalUrl: string;
  isolation: Isolation;
  /**
   * Refuses new messages, lets running turns end within the configured time, then ends streams,
   * sandboxes and connections. Idempotent.
   */
  drain(): Promise<void>;
  /** Ends the sandboxes and nothing else: the parent is dead, and the database with it. */
  abandon(): Promise<void>;
}

/**
 * Starts a whole data plane. What had been started when something fails is stopped again. `broken`
 * is called when it can no longer serve all its sessions and must be started anew.
 */
export async function serveDataPlane(
  config: DataPlaneConfig,
  log: Logger,
  broken: () => void,
): Promise<ServedDataPlane> {
  await using started = new AsyncDisposableStack();
  if (config.database_owner_url !== undefined) {
    await migrateDataPlane(config.database_owner_url, config.database_url);
  }
  const database = openDatabase(config.database_url, (error) => {
    log.warn({ err: error }, 'a database connection broke');
  });
  started.defer(() => database.destroy());
  const harnesses = [...createHarnesses().values()];
  const record = await openSystemOfRecord(config, harnesses, log);
  const { control } = record;
  const runner = createRunner({
    home: config.home,
    runtimeDir: config.runtime_dir,
    doors: { managementSocket: config.doors.management_socket, token: config.doors.token },
    sandbox: config.sandbox,
    poolSize: config.pool_size,
    allowUnsandboxed: config.allow_unsandboxed,
    environment: config.environment,
    ...record.runner,
    harnesses,
    onWorkerLost: broken,
    log,
  });
  started.defer(() => runner.stop());
  await runner.start(await control.activeReleases());
  const stopWatching = watchReleases(control, (releases) => runner.keepWarm(releases), log);
  started.defer(async () => stopWatching());
  const metrics = createMetrics();
  const rates = new RateLimiter({
    rules: () => record.catalog.rateRules,
    refused: (figure) => metrics.rateLimited(figure),
  });
  const outbox = startOutbox({
    database,
    doors: config.doors,
    record,
    taken(calls) {
      for (const call of calls)
        rates.spent(objectsOf(call), call.input_tokens + call.output_tokens);
    },
    doorsRestarted: runner.doorsRestarted,
    metrics,
    log,
  });
  started.defer(() => outbox.stop());

  let ready = false;
  const engine = new SessionEngine({
    database,
    runner,
    control,
    log,
    grantOf: record.grants.of,
    gate: record.gate,
    rates,
    turnEnded: (stopReason) => metrics.turnEnded(stopReason),
  });
  metrics.watch(() => {
    const { live, parked } = runner.counts();
    return { ...engine.stats(), liveSandboxes: live, parkedSandboxes: parked };
  });
  const app = createHttpApp({
    control,
    sessions: engine.service,
    idempotency: engine.idempotency,
    tickets: createStreamTickets(await secretFile(config.home, 'stream-tickets')),
    harnesses,
    metrics,
    rates,
    log,
    ready: () => ready,
    trustedProxies: trustedProxies(config.trusted_proxies),
    projectHosts: projectHosts(config.domain),
  });
  // The port before the turns that were left: when it is taken nothing has been begun.
  const http = await listenHttp(app, { host: config.host, port: config.port });
  started.defer(() => http.close(CLOSE_MS));
  const internal = await listenInternal({ metrics, ready: () => ready, log }, config.internal, [
    record.internal({
      url: () => clientUrl(http.url),
      pins: engine.pins,
    }),
  ]);
  started.defer(() => internal.close(CLOSE_MS));
  await engine.start();
  endRevoked(record.catalog, engine, log);
  stopSuspended({ ...record, engine, log });
  const stopDropping = dropReleases({ ...record, pins: engine.pins, log });
  started.defer(async () => stopDropping());
  started.defer(async () => {
    ready = false;
    await engine.drain(config.drain_ms);
  });
  ready = true;

  const running = started.move();
  let draining: Promise<void> | null = null;
  return {
    url: http.url,
    internalUrl: internal.url,
    isolation: runner.isolation ?? 'none',
    drain: () => {
      draining ??= running.disposeAsync();
      return draining;
    },
    abandon: () => runner.stop(),
  };
}

/** As clients write it: `localhost` on loopback, which browsers trust. */
function clientUrl(url: string): string {
  return url.replace('//127.0.0.1:', '//localhost:');
}
