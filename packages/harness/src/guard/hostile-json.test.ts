import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GuardError } from './guard-error.ts';
import { cleanHostileText, parseHostileJson } from './hostile-json.ts';
import { FRAME_LIMITS } from './limits.ts';

function parse(text: string | Uint8Array) {
  return parseHostileJson(typeof text === 'string' ? Buffer.from(text) : text, FRAME_LIMITS);
}

function codeOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof GuardError) return error.code;
    throw error;
  }
  return 'accepted';
}

it('reads harmless JSON as it is, byte for byte', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      if (text.includes('__proto__') || text.includes('\\u')) return;
      expect(parse(text)).toEqual({ value: JSON.parse(text), text });
    }),
  );
});

it('never changes what well-formed values mean', () => {
  const value = fc.jsonValue({ noUnicodeString: false });
  fc.assert(
    fc.property(value, (sent) => {
      const text = JSON.stringify(sent);
      if (/__proto__|\\u0000|\\ud/i.test(text)) return;
      expect(JSON.stringify(parse(text).value)).toBe(text);
    }),
  );
});

describe('what is cleaned', () => {
  it.each([
    '{"__proto__":{"x":1},"a":2}',
    '{"\\u005f_proto__":{"x":1},"a":2}',
    '{"__pr\\u006fto__":1,"a":2}',
  ])('drops the key in %s', (text) => {
    const { value, text: again } = parse(text);
    expect(Object.keys(value as object)).toEqual(['a']);
    expect(again).toBe('{"a":2}');
    expect(Object.assign({}, value)).toEqual({ a: 2 });
  });

  it('keeps __proto__ in a text, where it is only a word', () => {
    expect(parse('{"a":"about __proto__"}').value).toEqual({ a: 'about __proto__' });
  });

  it('replaces NUL and lone surrogates in values and keys', () => {
    expect(parse('{"a\\u0000":"x\\ud800y\\u0000"}').value).toEqual({ 'a\uFFFD': 'x\uFFFDy\uFFFD' });
    expect(parse('"\\ud83d\\ude00"').value).toBe('😀');
    expect(parse('["\\u001b[31m"]').value).toEqual(['\u001b[31m']);
  });

  it('replaces broken UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('"a'), Buffer.from([0xff, 0xc3]), Buffer.from('b"')]);
    expect(parse(bytes).value).toBe('a\uFFFD\uFFFDb');
  });

  it('gives only well-formed text without NUL, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { value } = parse(JSON.stringify({ text, [text]: 1 }));
        const again = JSON.stringify(value);
        expect(again.isWellFormed()).toBe(true);
        expect(again).not.toContain('\\u0000');
        expect(cleanHostileText(text).isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('what is refused', () => {
  it('deep nesting, also when it is not even closed', () => {
    expect(codeOf('['.repeat(129) + ']'.repeat(129))).toBe('json_too_complex');
    expect(codeOf('['.repeat(4_000_000))).toBe('json_too_complex');
    expect(codeOf('['.repeat(128) + ']'.repeat(128))).toBe('accepted');
  });

  it('more members than its bound', () => {
    expect(codeOf(`[${'1,'.repeat(300_000)}1]`)).toBe('json_too_complex');
    expect(codeOf(`[${'[],'.repeat(150_000)}1]`)).toBe('json_too_complex');
    expect(codeOf(`[${'1,'.repeat(90_000)}1]`)).toBe('accepted');
  });

  it('counts nothing inside strings', () => {
    expect(codeOf(JSON.stringify('[{,:"\\'.repeat(300_000)))).toBe('accepted');
  });

  it.each(['', '{', '{"a":}', 'nonsense', '{"a":1}x'])('%j, which is not JSON', (text) => {
    expect(codeOf(text)).toBe('not_json');
  });

  it('says nothing of what was sent', () => {
    expect(() => parse('{"secret-key": oops}')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret-key') }),
    );
  });
});
