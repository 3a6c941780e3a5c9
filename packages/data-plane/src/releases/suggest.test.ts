import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closest, editDistance } from './suggest.ts';

test('finds the word that was meant', () => {
  expect(closest('memroy_mb', ['memory_mb', 'vcpus', 'disk_mb'])).toBe('memory_mb');
  expect(closest('Harness', ['harness', 'model'])).toBe('harness');
  expect(closest('descripton', ['required', 'description'])).toBe('description');
  expect(closest('colour', ['harness', 'model'])).toBeNull();
  expect(closest('x', ['env'])).toBeNull();
});

test('the edit distance is a distance', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, a)).toBe(0);
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});
