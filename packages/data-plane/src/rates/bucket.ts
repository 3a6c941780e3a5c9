/**
 * What a subject has used of its bucket and not yet got back. A bucket holds a minute's worth of its
 * rate and refills steadily. Debts are counted in units × 60,000, rates in units a minute, so that a
 * refill of whole milliseconds is a whole number and nothing is ever rounded.
 */
export interface Bucket {
  debt: number;
  /** Of which moment that is, in whole milliseconds of a clock that never goes back. */
  at: number;
}

const MINUTE_MS = 60_000;

/** What is missing at `now`, at most `minutes` minutes' worth of the rate, in units × 60,000. */
export function debtAt(
  bucket: Bucket | undefined,
  rate: number,
  now: number,
  minutes: number,
): number {
  if (bucket === undefined) return 0;
  const back = (now - bucket.at) * rate;
  return Math.min(Math.max(0, bucket.debt - back), rate * MINUTE_MS * minutes);
}

/** Milliseconds until one unit can be had of a bucket with this debt: 0 when it can be had now. */
export function waitForOne(debt: number, rate: number): number {
  const excess = debt + MINUTE_MS - rate * MINUTE_MS;
  return excess <= 0 ? 0 : Math.ceil(excess / rate);
}

/** The debt after `units` more. */
export function withUnits(debt: number, units: number): number {
  return debt + units * MINUTE_MS;
}

/** Milliseconds until a bucket with this debt is as good as one that was never used. */
export function msToFull(debt: number, rate: number): number {
  return Math.ceil(debt / rate);
}
