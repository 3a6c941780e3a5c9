import { describe, expect, it } from 'vitest';
import { allowedTarget, plainTarget } from './network-targets.ts';

describe('[network] allow', () => {
  it('takes a host with its port, in any case', () => {
    expect(allowedTarget.parse('Registry.NPMjs.org:443')).toEqual({
      host: 'registry.npmjs.org',
      port: 443,
      inject: null,
    });
  });

  it('takes a host that gets a secret added', () => {
    const inject = { header: 'Authorization', secret: 'TOKEN', prefix: 'Bearer ' };
    expect(allowedTarget.parse({ host: 'api.example.com:443', inject })).toEqual({
      host: 'api.example.com',
      port: 443,
      inject,
    });
  });

  it.each([
    'example.com',
    'https://example.com:443',
    'example.com:0',
    'example.com:65536',
    'example.com:4 43',
    '*.example.com:443',
    '10.0.0.1:443',
    '0x7f.1:80',
    '2130706433:80',
    '[::1]:80',
    '::1:80',
    'exa mple.com:80',
    'example.com:80\n127.0.0.1 evil',
    '-bad.example:80',
    'a..b:80',
    `${'a'.repeat(64)}.example:80`,
    '',
  ])('refuses %j', (text) => {
    expect(allowedTarget.safeParse(text).success).toBe(false);
    expect(plainTarget.safeParse(text).success).toBe(false);
  });

  it.each(['Host', 'content-length', 'Transfer-Encoding', 'connection', 'a b', 'x\r\ny', ''])(
    'adds no header %j',
    (header) => {
      const entry = { host: 'api.example.com:443', inject: { header, secret: 'TOKEN' } };
      expect(allowedTarget.safeParse(entry).success).toBe(false);
    },
  );
});
