import type { Logger } from 'pino';
import type { UsageJournal } from './outbox.ts';
import { repeat } from './repeat.ts';

/** How often the journal is emptied, in ms. */
const FORGET_MS = 5_000;

/**
 * Empties the doors' journal where no control plane books usage: it would fill up, and the doors
 * would take no more calls. Returns its end.
 */
export function forgetUsage(journal: UsageJournal, log: Pick<Logger, 'warn'>): () => Promise<void> {
  return repeat(FORGET_MS, log, async () => {
    for (;;) {
      const last = (await journal.usage()).at(-1);
      if (last === undefined) return;
      await journal.ackUsage(last.seq);
    }
  });
}
