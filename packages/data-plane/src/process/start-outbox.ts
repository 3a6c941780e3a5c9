import type { UsageEvent } from '@karta/protocol';
import type { Logger } from 'pino';
import type { DataPlaneConfig } from '../config.ts';
import type { HttpMetrics } from '../http/metrics.ts';
import { Outbox } from '../outbox/outbox.ts';
import { DoorsClient } from '../runner/doors/doors-client.ts';
import type { Database } from '../sql/index.ts';
import type { SystemOfRecord } from './system-of-record.ts';

export interface OutboxStart {
  database: Database;
  doors: DataPlaneConfig['doors'];
  /** Who books it. */
  record: Pick<SystemOfRecord, 'grants' | 'send'>;
  /** Hears of each call once. */
  taken(calls: readonly UsageEvent[]): void;
  /** Other doors answer than before. */
  doorsRestarted(start: string): void;
  metrics: Pick<HttpMetrics, 'watchOutbox'>;
  log: Logger;
}

/** Begins to bring usage from the doors to where it is booked. */
export function startOutbox(start: OutboxStart): { stop(): Promise<void> } {
  const { database, record, taken, metrics, log } = start;
  const { management_socket: managementSocket, token } = start.doors;
  const journal = new DoorsClient({ managementSocket, token }, start.doorsRestarted);
  const { grants, send } = record;
  const grantOf = (org: string) => grants.of(org);
  const outbox = new Outbox({ database, journal, send, grantOf, taken, log });
  metrics.watchOutbox(() => outbox.counts());
  outbox.start();
  return {
    async stop() {
      await outbox.stop();
      journal.close();
    },
  };
}
