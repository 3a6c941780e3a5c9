import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, debtAt, waitForOne, withUnits } from './bucket.ts';

const MINUTE_MS = 60_000;

/** One subject that takes a unit whenever it may, at these moments. */
function admitted(rate: number, moments: readonly number[]): number[] {
  let bucket: Bucket | undefined;
  return moments.filter((now) => {
    const debt = debtAt(bucket, rate, now, 1);
    if (waitForOne(debt, rate) > 0) return false;
    bucket = { debt: withUnits(debt, 1), at: now };
    return true;
  });
}

const rates = fc.integer({ min: 1, max: 1_000 });
const moments = fc.array(fc.nat(20_000), { maxLength: 400 }).map((gaps) => {
  let now = 0;
  return gaps.map((gap) => (now += gap));
});

test('whatever comes, no stretch of time lets through more than a full bucket and its refill', () => {
  fc.assert(
    fc.property(rates, moments, (rate, asked) => {
      const through = admitted(rate, asked);
      for (const [first, from] of through.entries()) {
        for (const [last, to] of through.entries()) {
          if (last < first) continue;
          const most = rate + ((to - from) * rate) / MINUTE_MS;
          expect(last - first + 1).toBeLessThanOrEqual(most);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('who keeps to the rate is never refused', () => {
  fc.assert(
    fc.property(rates, fc.nat(500), (rate, count) => {
      const gap = Math.ceil(MINUTE_MS / rate);
      const asked = Array.from({ length: count }, (_, index) => index * gap);
      expect(admitted(rate, asked)).toHaveLength(count);
    }),
  );
});

test('the wait is exact: after it a unit can be had, a millisecond before it cannot', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000_000 }),
      fc.nat(1_000_000),
      fc.nat(10_000_000),
      (rate, units, elapsed) => {
        const bucket = { debt: withUnits(0, units), at: 5 };
        const now = 5 + elapsed;
        const wait = waitForOne(debtAt(bucket, rate, now, 60), rate);
        const held = { debt: debtAt(bucket, rate, now, 60), at: now };
        expect(waitForOne(debtAt(held, rate, now + wait, 60), rate)).toBe(0);
        if (wait > 0) {
          expect(waitForOne(debtAt(held, rate, now + wait - 1, 60), rate)).toBeGreaterThan(0);
        }
      },
    ),
  );
});

test('a debt is followed no further than it may', () => {
  expect(waitForOne(debtAt({ debt: withUnits(0, 1e9), at: 0 }, 10, 0, 60), 10)).toBe(
    59 * MINUTE_MS + MINUTE_MS / 10,
  );
});
