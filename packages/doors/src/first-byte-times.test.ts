import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { FirstByteTimes } from './first-byte-times.ts';

const seconds = fc.oneof(
  fc.double({ min: 0, max: 200, noNaN: true }),
  // On a bound: it belongs to the bucket of that bound.
  fc.constantFrom(0.001, 0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 120),
);
const calls = fc.array(fc.tuple(fc.constantFrom('openai', 'anthropic', 'a "b"\\'), seconds));

test('the page says of them what a histogram of the library says', async () => {
  await fc.assert(
    fc.asyncProperty(calls, async (observed) => {
      const times = new FirstByteTimes();
      const ours = new Registry();
      ours.registerMetric(times.metric);
      const theirs = new Registry();
      const histogram = new Histogram({
        name: times.name,
        help: times.help,
        labelNames: ['upstream'],
        buckets: [0.001, 0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 120],
        registers: [theirs],
      });
      for (const [upstream, took] of observed) {
        times.observe(upstream, took);
        histogram.observe({ upstream }, took);
      }
      expect(await ours.metrics()).toBe(await theirs.metrics());
    }),
  );
});
