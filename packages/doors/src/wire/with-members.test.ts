import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withMembers } from './with-members.ts';

const changed = (text: string, changes: Record<string, unknown>) =>
  withMembers(Buffer.from(text), changes).toString();

it.each<[string, Record<string, unknown>, string]>([
  ['{}', {}, '{}'],
  ['{}', { a: 1 }, '{"a":1}'],
  ['{"a":1}', { a: undefined }, '{}'],
  ['{ "a" : 1 , "b" : 9007199254740993 }', { a: 'x' }, '{"a":"x","b" : 9007199254740993 }'],
  ['{"a":1,"\\u0061":2,"b":{"a":3}}', { a: undefined }, '{"b":{"a":3}}'],
  ['{"__proto__":{"a":1},"b":[]}', { b: null }, '{"b":null,"__proto__":{"a":1}}'],
])('%s with %j', (text, changes, expected) => {
  expect(changed(text, changes)).toBe(expected);
});

it('property: the others mean what they meant, and keep their bytes', () => {
  const names = fc.constantFrom('model', 'stream', 'tools', 'x"y', 'é');
  const other = fc.string().filter((name) => name !== 'kept' && name !== 'gone');
  const object = fc.dictionary(fc.oneof(names, other), fc.jsonValue());
  const digits = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
  const indent = fc.constantFrom(undefined, 2, '\t');
  fc.assert(
    fc.property(object, object, digits, indent, (value, set, number, space) => {
      const inner = JSON.stringify(value, null, space).slice(1);
      const head = `{"gone":1,"kept":{"id":${number}}${inner.trim() === '}' ? '' : ','}`;
      const told = changed(head + inner, { ...set, gone: undefined });
      expect(told).toContain(`"kept":{"id":${number}}`);
      const kept = { id: Number(number) };
      expect(JSON.parse(told)).toEqual(JSON.parse(JSON.stringify({ ...value, ...set, kept })));
    }),
  );
});
