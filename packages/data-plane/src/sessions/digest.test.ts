import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from './digest.ts';

test('parts of a digest cannot run into each other', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
      const same = a.length === b.length && a.every((part, index) => part === b[index]);
      expect(digestOf(...a) === digestOf(...b)).toBe(same);
    }),
  );
});
