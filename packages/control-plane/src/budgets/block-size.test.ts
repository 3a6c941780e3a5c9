import fc from 'fast-check';
import { expect, it } from 'vitest';
import { blockSize, LEFT_SHARE } from './block-size.ts';

const amount = fc.bigInt({ min: 0n, max: 10n ** 30n });
const wish = fc.record({
  left: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
  minimum: amount,
  wanted: amount,
  nodes: fc.bigInt({ min: 1n, max: 1_000n }),
});

it('covers the minimum, is never more than is left, and is there whenever the minimum is', () => {
  fc.assert(
    fc.property(wish, (asked) => {
      const size = blockSize(asked);
      expect(size === null).toBe(asked.left < asked.minimum);
      if (size === null) return;
      expect(size >= asked.minimum && size <= asked.left).toBe(true);
    }),
  );
});

it('beyond the minimum is neither more than is wanted nor than a share of what is left', () => {
  fc.assert(
    fc.property(wish, (asked) => {
      const size = blockSize(asked) ?? 0n;
      if (size <= asked.minimum) return;
      expect(size <= asked.wanted).toBe(true);
      expect(size * LEFT_SHARE * asked.nodes <= asked.left).toBe(true);
    }),
  );
});
