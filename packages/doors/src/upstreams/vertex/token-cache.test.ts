import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../port.ts';
import { TokenCache } from './token-cache.ts';

describe('a token', () => {
  const HOUR_S = 3_600;

  function cacheAt(clock: { ms: number }) {
    const cache = new TokenCache(() => clock.ms);
    let given = 0;
    let down = false;
    const fetch = async () => {
      if (down) throw new UpstreamError('down', { sent: false });
      given += 1;
      return { token: `token ${given}`, lifeS: HOUR_S };
    };
    return { of: () => cache.of('account', fetch), fail: () => (down = true), cache };
  }

  it('is replaced five minutes before its end', async () => {
    const clock = { ms: 0 };
    const { of, cache } = cacheAt(clock);
    expect(await of()).toBe('token 1');
    clock.ms = 54 * 60_000;
    expect(await of()).toBe('token 1');
    clock.ms = 55 * 60_000;
    expect(await of()).toBe('token 2');
    cache.clear();
  });

  it('counts on while there is no other, but not to its last moment', async () => {
    const clock = { ms: 0 };
    const { of, fail, cache } = cacheAt(clock);
    await of();
    fail();
    clock.ms = 59 * 60_000;
    expect(await of()).toBe('token 1');
    clock.ms = 59.5 * 60_000;
    await expect(of()).rejects.toThrow(UpstreamError);
    cache.clear();
  });

  it('of a refused account is not held', async () => {
    const cache = new TokenCache();
    expect(await cache.of('account', async () => null)).toBeNull();
    const answer = async () => ({ token: 'a', lifeS: HOUR_S });
    expect(await cache.of('account', answer)).toBe('a');
    cache.clear();
  });
});
