import { HarnessError } from '@karta/harness';
import { KartaError } from '@karta/protocol';
import { ReaderError } from '@karta/sandbox';
import { expect, test } from 'vitest';
import { errorFromWire, errorToWire } from './error-wire.ts';

function sent(error: unknown): Error {
  return errorFromWire(structuredClone(errorToWire(error)));
}

test('errors arrive as what they were', () => {
  const full = sent(new KartaError('capacity', 'no room', { extra: { a: 1 }, retryAfter: 5 }));
  expect(KartaError.is(full)).toBe(true);
  expect(full).toMatchObject({
    code: 'capacity',
    message: 'no room',
    extra: { a: 1 },
    retryAfter: 5,
  });
  const cause = new Error('why', { cause: () => 'no data' });
  expect(sent(new KartaError('internal', 'x', { cause })).cause).toMatchObject({
    message: 'Error: why',
  });
  expect(sent(new HarnessError('unknown_ask', 'gone'))).toBeInstanceOf(HarnessError);
  expect(sent(new ReaderError('not_found', 'gone'))).toMatchObject({ code: 'not_found' });
  expect(sent(new TypeError('wrong'))).toMatchObject({ name: 'TypeError', message: 'wrong' });
  expect(sent('text').message).toBe('text');
});
