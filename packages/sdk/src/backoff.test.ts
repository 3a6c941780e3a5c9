import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_BACKOFF, pause, waitBefore } from './backoff.ts';

test('waits grow to the longest and never past it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (n, random) => {
        const wait = waitBefore(n, DEFAULT_BACKOFF, () => random);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(DEFAULT_BACKOFF.maxMs);
      },
    ),
  );
  const most = [1, 2, 3, 4, 5, 6, 7].map((n) => waitBefore(n, DEFAULT_BACKOFF, () => 1));
  expect(most).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000]);
});

test('a pause ends with the reason of an abort, also one that came before', async () => {
  const abort = new AbortController();
  const waiting = pause(3_600_000, abort.signal);
  abort.abort(new Error('stop'));
  await expect(waiting).rejects.toThrow('stop');
  await expect(pause(1, abort.signal)).rejects.toThrow('stop');
});
