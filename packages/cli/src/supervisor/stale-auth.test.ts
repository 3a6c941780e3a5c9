import { expect, it } from 'vitest';
import { staleAuth } from './stale-auth.ts';

it('is told in seconds, and left to the default where it is not set', () => {
  expect(staleAuth({ KARTA_STALE_AUTH: '7' })).toEqual({ stale_auth_ms: 7_000 });
  expect(staleAuth({ KARTA_STALE_AUTH: '0' })).toEqual({ stale_auth_ms: 0 });
  for (const unset of [{}, { KARTA_STALE_AUTH: '' }]) expect(staleAuth(unset)).toEqual({});
});

it.each(['-1', '1.5', '5m', '1e3', '1234567'])('cannot be %j', (text) => {
  expect(() => staleAuth({ KARTA_STALE_AUTH: text })).toThrow('KARTA_STALE_AUTH');
});
