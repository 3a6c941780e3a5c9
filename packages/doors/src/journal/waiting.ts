import type { JournalLine } from './line.ts';

/** Of a thousand calls that go on in one step, the first would wait for the last. */
export const TOLD_AT_ONCE = 256;

/** A line, and who waits for it. */
export interface Waiting {
  line: JournalLine;
  /** Whoever waits is told once it survives a power failure, not as soon as it survives this process. */
  durable: boolean;
  waiters: Waiters;
}

/** Those whose lines are told of together: one promise for them all, for each of its own is dear. */
export interface Waiters extends PromiseWithResolvers<void> {
  lines: number;
  /** They have been told that it is written, or are about to be. */
  told: boolean;
}

/** A line that nobody waits for. */
export function unasked(line: JournalLine): Waiting {
  const waiters = joined(null);
  waiters.told = true;
  waiters.resolve();
  return { line, durable: true, waiters };
}

/** With one line more: these, or others when they are enough. */
export function joined(waiters: Waiters | null): Waiters {
  if (waiters === null || waiters.lines === TOLD_AT_ONCE) {
    return { ...Promise.withResolvers<void>(), lines: 1, told: false };
  }
  waiters.lines += 1;
  return waiters;
}
