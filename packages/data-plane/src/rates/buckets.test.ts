import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Buckets } from './buckets.ts';

function setUp(bounds: { subjects?: number; subjectsOfOrg?: number } = {}) {
  const clock = { now: 1_000 };
  const buckets = new Buckets({ minutes: 1, now: () => clock.now, ...bounds });
  const at = (org: string, id: string) => ({ org, scope: 'end_user', id }) as const;
  /** Takes a unit if it can be had. */
  const ask = (org: string, id: string, rate: number) => {
    if (buckets.wait(at(org, id), rate) > 0) return false;
    buckets.take(at(org, id), rate, 1);
    return true;
  };
  return { clock, buckets, at, ask };
}

test('each subject has a bucket of its own, also with ids that look like others', () => {
  const { ask } = setUp();
  for (const id of ['ann', 'ann ', 'end_user ann', '']) {
    expect([ask('o', id, 2), ask('o', id, 2), ask('o', id, 2)]).toEqual([true, true, false]);
  }
  expect(ask('o2', 'ann', 2)).toBe(true);
});

test('full buckets are forgotten as others come', () => {
  const { clock, buckets, ask } = setUp();
  for (let index = 0; index < 1_000; index += 1) ask('o', `u${index}`, 1);
  expect(buckets.size).toBe(1_000);
  clock.now += 60_000;
  for (let index = 0; index < 1_000; index += 1) ask('o', `v${index}`, 1);
  expect(buckets.size).toBeLessThan(1_100);
});

test('an emptied bucket is not forgotten for others that come', () => {
  const { ask } = setUp({ subjectsOfOrg: 10 });
  expect(ask('o', 'ann', 1)).toBe(true);
  for (let index = 0; index < 1_000; index += 1) ask('o', `u${index}`, 1);
  expect(ask('o', 'ann', 1)).toBe(false);
});

test('one org cannot take the places of another', () => {
  const { ask } = setUp({ subjects: 20, subjectsOfOrg: 10 });
  for (let index = 0; index < 1_000; index += 1) ask('flood', `u${index}`, 1);
  const others = Array.from({ length: 10 }, (_, index) => ask('calm', `u${index}`, 1));
  expect(others).not.toContain(false);
});

test('nobody gets more than its rate by bringing many others, whatever is full', () => {
  const step = fc.record({ id: fc.nat(40), gap: fc.nat(9_000) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 300 }),
      fc.integer({ min: 1, max: 5 }),
      (steps, rate) => {
        const { clock, buckets, ask } = setUp({ subjects: 8, subjectsOfOrg: 4 });
        const through = new Map<number, number[]>();
        for (const { id, gap } of steps) {
          clock.now += gap;
          if (ask('o', `u${id}`, rate)) through.set(id, [...(through.get(id) ?? []), clock.now]);
          expect(buckets.size).toBeLessThanOrEqual(4);
        }
        for (const moments of through.values()) {
          for (const [first, from] of moments.entries()) {
            for (const [last, to] of moments.entries()) {
              if (last < first) continue;
              expect(last - first + 1).toBeLessThanOrEqual(rate + ((to - from) * rate) / 60_000);
            }
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});
