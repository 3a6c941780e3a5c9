import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endOfJsonString, jsonShape } from './json-shape.ts';

const WIDE = { depth: 1_000, marks: 1_000_000 };

/** Texts full of what ends or escapes a string, shorter and longer than any short cut. */
const quoted = fc.string({
  unit: fc.constantFrom('"', '\\', 'a', 'é', '\n', '{', ','),
  maxLength: 120,
});

test('a string ends at its own quote, whatever is in it and whatever follows', () => {
  fc.assert(
    fc.property(quoted, quoted, (text, rest) => {
      const string = Buffer.from(JSON.stringify(text));
      const bytes = Buffer.concat([string, Buffer.from(rest)]);
      expect(endOfJsonString(bytes, 0)).toBe(string.length - 1);
    }),
  );
});

test('a string that never ends, ends with the bytes', () => {
  fc.assert(
    fc.property(quoted, (text) => {
      const open = Buffer.from(JSON.stringify(text)).subarray(0, -1);
      // Cut after an odd number of backslashes or not: there is no quote of its own.
      expect(endOfJsonString(open, 0)).toBe(open.length);
    }),
  );
});

test('members are counted as the parser makes them, however long the strings are', () => {
  fc.assert(
    fc.property(fc.dictionary(quoted, fc.array(quoted)), (value) => {
      const shape = jsonShape(Buffer.from(JSON.stringify(value)), WIDE);
      expect(shape).toEqual({ excess: null, members: Object.keys(value).length });
    }),
  );
});
