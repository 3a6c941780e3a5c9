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
  metrics: Pick<HttpMetrics, 'watchOutbox'>;
  log: Logger;
}

/** Begins to bring usage from the doors to where it is booked. */
export function startOutbox({ database, doors, record, taken, metrics, log }: OutboxStart): {
  stop(): Promise<void>;
} {
  const { management_socket: managementSocket, token } = doors;
  const journal = new DoorsClient({ managementSocket, token });
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
