import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RETRY_TIME_MS, RETRY_WAIT_MS, UPSTREAM_ATTEMPTS } from '../limits.ts';
import { isPassing, waitBefore } from './retry.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const first = { attempt: 1, elapsedMs: 0 };
const wait = (status: number | null, headers: Record<string, string> = {}, at = first) =>
  waitBefore({ status, headers }, at, 0, NOW);

describe('another attempt', () => {
  it.each([429, 500, 502, 503, 504, 529, null])('is made after %s', (status) => {
    expect(wait(status)).toBeGreaterThan(0);
    expect(isPassing({ status })).toBe(true);
  });

  it.each([200, 302, 400, 401, 402, 403, 404, 413, 422, 501])('is not made after %s', (status) => {
    expect(wait(status, { 'retry-after': '1' })).toBeNull();
    expect(isPassing({ status })).toBe(false);
  });

  it('waits as long as the provider asks', () => {
    expect(wait(429, { 'retry-after': '2' })).toBe(2_000);
    expect(wait(429, { 'retry-after': '0.5' })).toBe(500);
    expect(wait(429, { 'retry-after-ms': '120', 'retry-after': '9' })).toBe(120);
    expect(wait(503, { 'retry-after': 'Sun, 22 Nov 2026 12:00:03 GMT' })).toBe(3_000);
    expect(wait(503, { 'retry-after': 'Sun, 22 Nov 2026 11:00:00 GMT' })).toBe(0);
  });

  it.each(['soon', '-3', '1e9', '0x10', ''])('takes %j for no wish', (text) => {
    expect(wait(429, { 'retry-after': text })).toBe(wait(429));
  });

  it('is left to the harness when the provider asks for long, or says that it is of no use', () => {
    expect(wait(429, { 'retry-after': '60' })).toBeNull();
    expect(wait(529, { 'retry-after': 'Sun, 22 Nov 2026 13:00:00 GMT' })).toBeNull();
    expect(wait(500, { 'x-should-retry': 'false' })).toBeNull();
  });

  it('is made so often and for so long, whatever a provider says', () => {
    const texts = fc.oneof(fc.string(), fc.nat().map(String), fc.double().map(String));
    fc.assert(
      fc.property(
        fc.constantFrom(null, 429, 500, 529),
        fc.dictionary(fc.constantFrom('retry-after', 'retry-after-ms', 'x-should-retry'), texts),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(20_000),
        (status, headers, random, slowMs) => {
          let [attempt, elapsedMs] = [1, 0];
          for (;;) {
            elapsedMs += slowMs;
            const ms = waitBefore({ status, headers }, { attempt, elapsedMs }, random, NOW);
            if (ms === null) break;
            expect(ms).toBeGreaterThanOrEqual(0);
            expect(ms).toBeLessThanOrEqual(2 * RETRY_WAIT_MS);
            elapsedMs += ms;
            attempt += 1;
            expect(elapsedMs).toBeLessThanOrEqual(RETRY_TIME_MS);
          }
          expect(attempt).toBeLessThanOrEqual(UPSTREAM_ATTEMPTS);
        },
      ),
    );
  });
});
