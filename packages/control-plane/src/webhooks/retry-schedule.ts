const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Waits between tries, in ms: eleven tries within some three days. */
const WAITS = [
  5 * SECOND,
  1 * MINUTE,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** How far a wait is moved either way, so that what failed together is not tried together again. */
const JITTER = 0.2;

/** Tries of one delivery, the first included. */
export const MAX_ATTEMPTS = WAITS.length + 1;

/**
 * When a delivery is tried again after its `attempts`-th try failed at `at`; `null` when no try is
 * left. `random` is from 0 to 1.
 */
export function nextAttemptAt(attempts: number, at: Date, random = Math.random()): Date | null {
  const wait = WAITS[attempts - 1];
  if (wait === undefined) return null;
  return new Date(at.getTime() + wait * (1 - JITTER + 2 * JITTER * random));
}
