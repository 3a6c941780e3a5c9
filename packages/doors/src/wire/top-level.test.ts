import fc from 'fast-check';
import { expect, test } from 'vitest';
import { topLevelString } from './top-level.ts';

const modelIn = (text: string) => topLevelString(Buffer.from(text), 'model');

test('it finds what a parser finds, in any object', () => {
  const object = fc.dictionary(
    fc.oneof(fc.constant('model'), fc.string({ unit: 'binary' }), fc.constant('a"model')),
    fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.string(), fc.constant({ model: 'inner' })),
  );
  fc.assert(
    fc.property(object, fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const model: unknown = JSON.parse(text).model;
      expect(modelIn(text)).toBe(typeof model === 'string' ? model : null);
    }),
  );
});

test('a name that is written with escapes, or twice, is the name that a parser sees', () => {
  expect(modelIn('{"model":"a","\\u006dodel":"b"}')).toBe('b');
  expect(modelIn('{"model":"a","model":7}')).toBeNull();
  expect(modelIn('{"x":"model","y":"z"}')).toBeNull();
  expect(modelIn('["model","x"]')).toBeNull();
  expect(modelIn('{"model"')).toBeNull();
  expect(modelIn('{"model":"unfinished')).toBeNull();
});
