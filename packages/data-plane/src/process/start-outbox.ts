import type { Logger } from 'pino';
import type { DataPlaneConfig } from '../config.ts';
import type { HttpMetrics } from '../http/metrics.ts';
import { forgetUsage } from '../outbox/forget-usage.ts';
import { Outbox } from '../outbox/outbox.ts';
import { DoorsClient } from '../runner/doors/doors-client.ts';
import type { Database } from '../sql/index.ts';
import type { RemoteControl } from './system-of-record.ts';

export interface OutboxStart {
  database: Database;
  doors: DataPlaneConfig['doors'];
  /** `null`: nobody bills, so calls are forgotten once their turn has its sum. */
  remote: Pick<RemoteControl, 'grants' | 'send'> | null;
  metrics: Pick<HttpMetrics, 'watchOutbox'>;
  log: Logger;
}

/** Begins to bring usage from the doors to where it is booked. */
export function startOutbox({ database, doors, remote, metrics, log }: OutboxStart): {
  stop(): Promise<void>;
} {
  const { management_socket: managementSocket, token } = doors;
  const journal = new DoorsClient({ managementSocket, token });
  if (remote === null) {
    const end = forgetUsage(journal, log);
    return {
      async stop() {
        await end();
        journal.close();
      },
    };
  }
  const { grants, send } = remote;
  const outbox = new Outbox({ database, journal, send, grantOf: (org) => grants.of(org), log });
  metrics.watchOutbox(() => outbox.counts());
  outbox.start();
  return {
    async stop() {
      await outbox.stop();
      journal.close();
    },
  };
}
