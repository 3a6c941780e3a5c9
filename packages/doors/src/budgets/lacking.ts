import type { Cap } from './cap.ts';
import type { Instant } from './clock.ts';
import { amountsAt, counted, type Demand } from './demand.ts';
import { MIN_OUTPUT_TOKENS } from './limits.ts';

/** The least that must be left of a cap for a turn to begin. */
export function leastOf({ metric }: Cap): bigint {
  switch (metric) {
    case 'output_tokens':
      return BigInt(MIN_OUTPUT_TOKENS);
    case 'total_tokens':
      return BigInt(MIN_OUTPUT_TOKENS) + 1n;
    default:
      return 1n;
  }
}

/** Whether calls under way could give back enough for another. */
export function mayComeBack(
  lacking: readonly Cap[],
  demand: Demand,
  at: number,
  now: Instant,
): boolean {
  const least = amountsAt(demand, demand.minOutput);
  return lacking.every((cap) => {
    const most = cap.available(at, now) + cap.left + cap.open;
    return cap.open > 0n && most >= counted(cap.metric, least);
  });
}

/** Of caps that all refuse, the one that does so the longest. Throws when there is none. */
export function tightest(lacking: readonly Cap[]): Cap {
  return lacking.reduce((found, cap) => (cap.windowEndMs > found.windowEndMs ? cap : found));
}
