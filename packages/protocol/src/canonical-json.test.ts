import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

test('equal values have equal text, however their keys are ordered', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.infiniteStream(fc.nat()), (value, order) => {
      const turned = reordered(value, order);
      expect(canonicalJson(turned)).toBe(canonicalJson(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('keys stand in the order of their code units, numbers among them', () => {
  expect(canonicalJson({ b: 1, 10: 2, 9: 3, a: [] })).toBe('{"10":2,"9":3,"a":[],"b":1}');
});

test('a key named __proto__ is a key', () => {
  expect(canonicalJson(JSON.parse('{"__proto__":{"a":1},"b":2}'))).toBe(
    '{"__proto__":{"a":1},"b":2}',
  );
});

test('what JSON cannot hold is null', () => {
  expect(canonicalJson(undefined)).toBe('null');
});

function reordered(value: unknown, order: Iterator<number>): unknown {
  if (Array.isArray(value)) return value.map((inner) => reordered(inner, order));
  if (value === null || typeof value !== 'object') return value;
  const keyed = Object.entries(value).map(([key, inner]) => ({
    entry: [key, reordered(inner, order)] as const,
    rank: order.next().value,
  }));
  return Object.fromEntries(keyed.sort((a, b) => a.rank - b.rank).map(({ entry }) => entry));
}
