import { decodeCursor, encodeCursor } from '@karta/http';
import { newId } from '@karta/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanName } from './clean.ts';
import { filterDigests, metadataDigest } from './metadata-digests.ts';
import { Mutex } from './mutex.ts';

test('a filter means the string, and the number or boolean that is written so', () => {
  const meant = (text: string, value: unknown) =>
    filterDigests('k', text).includes(metadataDigest('k', value));
  expect(meant('5', '5')).toBe(true);
  expect(meant('5', 5)).toBe(true);
  expect(meant('5.0', 5)).toBe(true);
  expect(meant('true', true)).toBe(true);
  expect(meant('true', 'true')).toBe(true);
  expect(meant('null', null)).toBe(false);
  expect(meant('', 0)).toBe(false);
  expect(meant('5', [5])).toBe(false);
});

test('a cursor comes back as it went', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (time) => {
      const position = { createdAt: new Date(time), id: newId('session') };
      expect(decodeCursor('session', encodeCursor(position))).toEqual(position);
    }),
  );
});

test('any text that is no cursor is refused as such', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => decodeCursor('session', text)).toThrow('cursor');
    }),
  );
});

test('a name from a sandbox can be stored, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      const clean = cleanName(`${name}\0\ud800`, 20);
      expect(clean.isWellFormed() && !clean.includes('\0')).toBe(true);
      expect(clean.length).toBeLessThanOrEqual(20);
    }),
  );
});

test('a mutex lets one through at a time, in order, and goes on after a failure', async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  const task = (name: string, fails = false) =>
    mutex.run(async () => {
      log.push(`${name} in`);
      await Promise.resolve();
      log.push(`${name} out`);
      if (fails) throw new Error(name);
    });
  const results = await Promise.allSettled([task('a'), task('b', true), task('c')]);
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
});
