import { RETRY_BACKOFF_MS, RETRY_TIME_MS, RETRY_WAIT_MS, UPSTREAM_ATTEMPTS } from '../limits.ts';

/** An attempt that came to nothing and that nobody bills. */
export interface Failure {
  /** The provider's own status; `null`: it was not reached, nothing was sent. */
  status: number | null;
  /** Of its answer, lower-case. */
  headers: Readonly<Record<string, string>>;
}

/** Too many calls, or an upstream that is down or has no room: the same call may be served later. */
const PASSING: ReadonlySet<number> = new Set([429, 500, 502, 503, 504, 529]);

/** Whether the same call may be served another time, or by another upstream now. */
export function isPassing({ status }: Pick<Failure, 'status'>): boolean {
  return status === null || PASSING.has(status);
}

/** As HTTP writes dates; JavaScript reads much else as one. */
const HTTP_DATE = /^[A-Z][a-z]{2,8},? .{10,30} GMT$/;

/**
 * How long to wait before attempt `attempt + 1`, in ms; `null`: there is none. What the provider
 * asks for is honoured, where it is short enough; else it is a random time that doubles. `random`
 * is in [0, 1), `now` in ms since 1970.
 */
export function waitBefore(
  failure: Failure,
  { attempt, elapsedMs }: { attempt: number; elapsedMs: number },
  random: number = Math.random(),
  now: number = Date.now(),
): number | null {
  if (!isPassing(failure) || attempt >= UPSTREAM_ATTEMPTS) return null;
  if (failure.headers['x-should-retry'] === 'false') return null;
  const longest = RETRY_BACKOFF_MS * 2 ** (attempt - 1);
  const asked = askedWait(failure.headers, now);
  // All who were told the same moment would else come back in it together.
  const wait = asked === null ? longest / 2 + (random * longest) / 2 : asked + random * longest;
  if ((asked ?? 0) > RETRY_WAIT_MS || elapsedMs + wait > RETRY_TIME_MS) return null;
  return wait;
}

/** What `retry-after-ms` or `retry-after` asks for, in ms; `null`: nothing that can be read. */
function askedWait(headers: Failure['headers'], now: number): number | null {
  const ms = numberIn(headers['retry-after-ms']);
  if (ms !== null) return ms;
  const text = headers['retry-after'];
  const seconds = numberIn(text);
  if (seconds !== null) return seconds * 1000;
  const date = text !== undefined && HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

function numberIn(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : null;
}
