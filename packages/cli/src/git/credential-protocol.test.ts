import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asksAbout, credentialText, parseCredential } from './credential-protocol.ts';

describe('what git asks', () => {
  test('is read to the empty line; values may hold "="', () => {
    const read = parseCredential('protocol=http\nhost=localhost:8001\npath=a=b\n\nhost=evil\n');
    expect(Object.fromEntries(read)).toEqual({
      protocol: 'http',
      host: 'localhost:8001',
      path: 'a=b',
    });
  });

  test('and what it is told read the same, whatever the values are', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !/[\n\0]/.test(text));
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (fields) => {
        expect(Object.fromEntries(parseCredential(credentialText(fields)))).toEqual(fields);
      }),
    );
  });

  test('is never answered with a line too many', () => {
    expect(() => credentialText({ password: 'a\nhost=evil' })).toThrow('cannot be told');
  });

  test('is about a server only with its protocol, host and port', () => {
    const about = (text: string, url: string) => asksAbout(parseCredential(text), url);
    expect(about('protocol=http\nhost=localhost:8001\n', 'http://localhost:8001')).toBe(true);
    expect(about('protocol=https\nhost=k.example\n', 'https://k.example/')).toBe(true);
    expect(about('protocol=http\nhost=k.example\n', 'https://k.example')).toBe(false);
    expect(about('protocol=https\nhost=k.example:444\n', 'https://k.example')).toBe(false);
    expect(about('', 'https://k.example')).toBe(false);
  });
});
