/** How waits between attempts grow. Times in milliseconds. */
export interface Backoff {
  firstMs: number;
  maxMs: number;
}

/**
 * The first wait is short because most drops are a proxy's or a restart's and heal at once; the
 * longest keeps a fleet of clients from pressing on a server that is down.
 */
export const DEFAULT_BACKOFF: Backoff = { firstMs: 250, maxMs: 8_000 };

/**
 * The wait before attempt `attempt` (1 is the first repetition): exponential with full jitter, so
 * that clients that lost the same server do not come back together.
 */
export function waitBefore(
  attempt: number,
  backoff: Backoff,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * 2 ** (attempt - 1));
  return Math.round(random() * ceiling);
}

/** Waits `ms`. Rejects with the signal's reason as soon as it is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
