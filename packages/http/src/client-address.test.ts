import { describe, expect, it } from 'vitest';
import { clientAddress, trustedProxies } from './client-address.ts';

describe('clientAddress', () => {
  it("is the socket's, whatever a client claims", () => {
    const none = trustedProxies(undefined);
    expect(clientAddress('::ffff:10.0.0.1', '1.2.3.4', none)).toBe('10.0.0.1');
    expect(clientAddress('::1', null, none)).toBe('::1');
    expect(clientAddress(undefined, '1.2.3.4', none)).toBeNull();
  });

  it('comes from the last untrusted hop behind trusted proxies', () => {
    const trusted = trustedProxies('10.0.0.0/8, ::1');
    expect(clientAddress('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9', trusted)).toBe('1.2.3.4');
    expect(clientAddress('::1', '1.2.3.4', trusted)).toBe('1.2.3.4');
    expect(clientAddress('10.0.0.1', 'nonsense', trusted)).toBe('10.0.0.1');
    expect(clientAddress('10.0.0.1', null, trusted)).toBe('10.0.0.1');
    expect(clientAddress('11.0.0.1', '1.2.3.4', trusted)).toBe('11.0.0.1');
  });

  it('refuses a setting that is no list of ranges', () => {
    for (const bad of ['proxy', '10.0.0.0/33', '10.0.0.0/x', '1.2.3']) {
      expect(() => trustedProxies(bad), bad).toThrow(bad);
    }
  });
});
