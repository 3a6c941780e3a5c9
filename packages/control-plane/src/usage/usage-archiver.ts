import { loggable } from '@karta/http';
import type { Logger } from 'pino';
import type { Database } from '../sql/database.ts';
import { archiveUsage } from './archive-usage.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How often rows that are old enough are looked for, in milliseconds. */
const LOOK_MS = DAY_MS;

/** Keeps single calls no longer than they are needed. */
export interface UsageArchiver {
  start(): void;
  stop(): Promise<void>;
}

/** `days`: how long each call has a row of its own. */
export function createUsageArchiver(database: Database, days: number, log: Logger): UsageArchiver {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    const before = new Date(Date.now() - days * DAY_MS);
    const gone = await archiveUsage(database, before, stopping.signal).catch((error: unknown) => {
      log.warn(loggable(error), 'old calls could not be archived');
      return 0;
    });
    if (gone > 0) log.info({ calls: gone }, 'old calls are kept as sums alone from now on');
  }

  return {
    start() {
      looking = look();
      timer = setInterval(() => {
        looking = looking.then(look);
      }, LOOK_MS);
      timer.unref();
    },
    async stop() {
      stopping.abort();
      clearInterval(timer);
      await looking;
    },
  };
}
