import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exactJson } from './exact-json.ts';

const again = (text: string) => JSON.stringify(exactJson(Buffer.from(text)));

it.each([
  '{"id":9007199254740993}',
  '[123456789012345678901234567890,-9007199254740993]',
  '{"a":[0.1000000000000000055511151231257827,3.141592653589793238]}',
  '{"a":12345678901234567890e-3}',
])('every digit of %s is written again', (text) => {
  expect(again(text)).toBe(text);
});

it('numbers that a double holds are numbers', () => {
  const long = '"x":12345678901234567890';
  const held = exactJson(Buffer.from(`{"a":1.0,"b":1e300,"c":9007199254740991,"d":0.25,${long}}`));
  expect(held).toMatchObject({ a: 1, b: 1e300, c: 9_007_199_254_740_991, d: 0.25 });
});

it('throws for what is none', () => {
  expect(() => exactJson(Buffer.from('{'))).toThrow(SyntaxError);
  expect(() => exactJson(Buffer.from('{"a":12345678901234567890'))).toThrow(SyntaxError);
});

it('property: what is written again means what was written, whole numbers of any size too', () => {
  const whole = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n });
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(whole), fc.string(), (value, numbers, pad) => {
      const text = `{"p":${JSON.stringify(pad)},"v":${JSON.stringify(value)},"n":[${numbers}]}`;
      expect(again(text)).toBe(
        JSON.stringify(JSON.parse(text)).replace(/"n":\[[^\]]*\]\}$/, `"n":[${numbers}]}`),
      );
    }),
  );
});
