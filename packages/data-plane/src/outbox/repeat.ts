import type { Logger } from 'pino';

/** The longest wait after failures in a row, in ms. */
const MAX_BACKOFF_MS = 30_000;
/** One failure in so many ms is told: an outage of hours is no reason for a line every second. */
const TELL_MS = 60_000;

/**
 * Does `step` again and again, `everyMs` apart, further apart while it fails. Returns its end, which
 * waits for a step that runs.
 */
export function repeat(
  everyMs: number,
  log: Pick<Logger, 'warn'>,
  step: () => Promise<void>,
): () => Promise<void> {
  const stopped = new AbortController();
  let toldAt = Number.NEGATIVE_INFINITY;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopped.signal.aborted) {
      try {
        await step();
        failures = 0;
      } catch (error) {
        failures += 1;
        const now = performance.now();
        if (now - toldAt >= TELL_MS) log.warn({ err: error }, 'events wait in the outbox');
        if (now - toldAt >= TELL_MS) toldAt = now;
      }
      const wait = Math.min(MAX_BACKOFF_MS, everyMs * 2 ** Math.min(failures, 10));
      await pause(wait * (0.75 + Math.random() / 2), stopped.signal);
    }
  }

  const running = run();
  return () => {
    stopped.abort();
    return running;
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
