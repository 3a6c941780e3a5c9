import { expect, it } from 'vitest';
import { errorOf } from './provider-error.ts';

const failed = (api_error_status: number | null, result = 'API Error') => ({
  subtype: 'success',
  is_error: true,
  terminal_reason: 'api_error',
  api_error_status,
  result,
});

it.each([
  [401, 'provider_auth', false],
  [403, 'provider_auth', false],
  [402, 'provider_error', false],
  [400, 'provider_error', false],
  [404, 'provider_error', false],
  [429, 'provider_rate_limited', true],
  [500, 'provider_error', true],
  [503, 'provider_overloaded', true],
  [529, 'provider_overloaded', true],
  [null, 'provider_error', true],
])('status %s is %s, retryable: %s', (status, code, retryable) => {
  expect(errorOf(failed(status))).toMatchObject({ code, retryable, provider: 'anthropic' });
});

it('leaves out advice that names the address inside', () => {
  const said =
    'API Error: 500 Oops. Try again in a moment. If it persists, check your inference gateway (127.0.0.1:4010).';
  expect(errorOf(failed(500, said))?.message).toBe('API Error: 500 Oops. Try again in a moment.');
});

it('tells a failure that is not the provider’s as one of the harness', () => {
  const result = { subtype: 'error_during_execution', errors: ['one', 'two'] };
  expect(errorOf(result)).toMatchObject({ code: 'harness_failed', message: 'one; two' });
});

it.each([
  { subtype: 'success', is_error: false },
  { subtype: 'error_max_turns', is_error: true },
  { subtype: 'error_during_execution', is_error: true, terminal_reason: 'aborted_streaming' },
  { subtype: 'error_during_execution', is_error: true, terminal_reason: 'aborted_tools' },
])('finds none in %j', (result) => {
  expect(errorOf(result)).toBeNull();
});
