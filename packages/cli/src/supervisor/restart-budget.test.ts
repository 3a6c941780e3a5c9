import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_RESTARTS, RESTART_WINDOW_MS, restartWait } from './restart-budget.ts';

test('the waits grow, and one end too many within the window gives up', () => {
  const ends = Array.from({ length: MAX_RESTARTS + 1 }, (_, index) => index);
  const waits = ends.map((_, index) => restartWait(ends.slice(0, index + 1)));
  expect(waits).toEqual([200, 400, 800, 1600, null]);
});

test('ends far apart are never too many', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), (count) => {
      const ends = Array.from({ length: count }, (_, index) => index * (RESTART_WINDOW_MS + 1));
      expect(restartWait(ends)).toBe(200);
    }),
  );
});
