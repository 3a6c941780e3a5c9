import { expect, test } from 'vitest';
import { errorOf, exhaustedRetry } from './provider-error.ts';

const api = (statusCode: number, message = 'no') => ({
  name: 'APIError',
  data: { message, statusCode, isRetryable: statusCode >= 429 },
});

test.each([
  [401, 'provider_auth'],
  [403, 'provider_auth'],
  [402, 'provider_error'],
  [400, 'provider_error'],
  [429, 'provider_rate_limited'],
  [500, 'provider_error'],
  [503, 'provider_overloaded'],
  [529, 'provider_overloaded'],
])('status %i is %s', (status, code) => {
  expect(errorOf(api(status))).toMatchObject({ type: 'error', code, message: 'no' });
});

test('errors without a status are told by their name', () => {
  expect(errorOf({ name: 'ProviderAuthError', data: { message: 'who?' } }).code).toBe(
    'provider_auth',
  );
  expect(errorOf({ name: 'ContextOverflowError' })).toMatchObject({
    code: 'provider_error',
    message: 'ContextOverflowError',
  });
  expect(errorOf({ name: 'UnknownError', data: { message: 'x' } }).code).toBe('internal');
});

test.each([
  ['Rate limit reached for requests', 'provider_rate_limited'],
  ['Too Many Requests', 'provider_rate_limited'],
  ['Provider is overloaded', 'provider_overloaded'],
  ['Service Unavailable', 'provider_overloaded'],
  ['Unauthorized: invalid api key', 'provider_auth'],
  ['The socket connection was closed unexpectedly', 'provider_error'],
])('a retry for "%s" that is cut off is %s', (message, code) => {
  expect(exhaustedRetry(message)).toMatchObject({ code, message, retryable: true });
});

test('a provider cannot flood the stream with its message', () => {
  expect(errorOf(api(400, 'x'.repeat(100_000))).message.length).toBeLessThanOrEqual(2_000);
});
