import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from './limits.ts';
import { type Metadata, mergeMetadata, metadataInput, metadataProblem } from './metadata.ts';

const metadata = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.jsonValue(), {
  maxKeys: 8,
});
const withoutNulls = (value: Metadata) =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null));

describe('mergeMetadata', () => {
  it('ends with each changed key as the change has it, and all others as they were', () => {
    fc.assert(
      fc.property(metadata, metadata, (current, change) => {
        const merged = mergeMetadata(current, change);
        for (const key of new Set([...Object.keys(current), ...Object.keys(change)])) {
          if (!Object.hasOwn(change, key)) expect(merged[key]).toEqual(current[key]);
          else if (change[key] === null) expect(Object.hasOwn(merged, key)).toBe(false);
          else expect(merged[key]).toEqual(change[key]);
        }
      }),
    );
  });

  it('changes nothing when merged again, and with nothing', () => {
    fc.assert(
      fc.property(metadata, metadata, (current, change) => {
        const once = mergeMetadata(current, change);
        expect(mergeMetadata(once, change)).toEqual(once);
        expect(mergeMetadata(current, {})).toEqual({ ...current });
        expect(mergeMetadata({}, change)).toEqual(withoutNulls(change));
      }),
    );
  });

  it('does not touch what it is given', () => {
    const current = Object.freeze({ a: 1 });
    const change = Object.freeze({ a: null, b: 2 });
    expect(mergeMetadata(current, change)).toEqual({ b: 2 });
  });

  it('replaces a value whole', () => {
    expect(mergeMetadata({ a: { x: 1, y: 2 } }, { a: { x: 3 } })).toEqual({ a: { x: 3 } });
  });

  it('takes __proto__ for a key like any other', () => {
    const merged = mergeMetadata({}, JSON.parse('{"__proto__":{"polluted":1},"constructor":2}'));
    expect(Object.hasOwn(merged, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect(({} as Metadata).polluted).toBeUndefined();
    expect(merged.constructor).toBe(2);
  });
});

describe('what metadata may be', () => {
  it('any JSON under 50 keys and 16 KB', () => {
    const keys = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, null]));
    expect(metadataProblem(keys(LIMITS.metadataKeys))).toBeNull();
    expect(metadataProblem(keys(LIMITS.metadataKeys + 1))).toMatch(/50 keys/);
    const room = LIMITS.metadataBytes - JSON.stringify({ a: '' }).length;
    expect(metadataProblem({ a: 'x'.repeat(room) })).toBeNull();
    expect(metadataProblem({ a: 'x'.repeat(room + 1) })).toMatch(/16384 bytes/);
    // A character of two UTF-8 bytes counts as two.
    expect(metadataProblem({ a: 'é'.repeat(room / 2 + 1) })).toMatch(/bytes/);
  });

  it('no text that cannot be stored, however deep', () => {
    for (const bad of [
      { '\ud800': 1 },
      { a: '\0' },
      { a: [{ b: 'x\udc00' }] },
      { a: { '\0': 1 } },
    ]) {
      expect(metadataProblem(bad), JSON.stringify(bad)).not.toBeNull();
    }
    expect(metadataProblem({ '': 1 })).not.toBeNull();
    expect(metadataProblem({ a: '😀 ok \n' })).toBeNull();
  });

  it('an object', () => {
    for (const bad of [null, [], 'a', 1]) expect(metadataInput.safeParse(bad).success).toBe(false);
  });
});
