import fc from 'fast-check';
import { expect, test } from 'vitest';
import { interleave, median, quantile } from './statistics.ts';

test('a quantile lies between the least and the greatest sample, and grows with q', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (samples) => {
      const [low, mid, high] = [quantile(samples, 0.05), median(samples), quantile(samples, 0.95)];
      expect(low).toBeGreaterThanOrEqual(Math.min(...samples));
      expect(high).toBeLessThanOrEqual(Math.max(...samples));
      expect(low).toBeLessThanOrEqual(mid);
      expect(mid).toBeLessThanOrEqual(high);
    }),
  );
});

test('the median of an even count is the mean of the middle two', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('pairs run in turn and neither side always goes first', async () => {
  const order: string[] = [];
  const side = (name: string) => async (index: number) => {
    order.push(name);
    return index;
  };
  const samples = await interleave(3, side('a'), side('b'));
  expect(order.join('')).toBe('abbaab');
  expect(samples).toEqual({ a: [0, 1, 2], b: [0, 1, 2] });
});
