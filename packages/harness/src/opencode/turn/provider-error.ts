import type { TurnErrorCode } from '@karta/protocol';
import type { HarnessEvent } from '../../port.ts';
import type { NamedError } from '../events/schema.ts';

type ErrorEvent = Extract<HarnessEvent, { type: 'error' }>;

/** Text of a provider or of OpenCode that is passed on, in UTF-16 units. */
const MAX_MESSAGE = 2_000;

/**
 * Retries of a model call by OpenCode that a turn waits for. OpenCode waits 2, 4, 8 … seconds
 * between its five, or as long as the provider's `retry-after` says.
 */
const RETRIES_AWAITED = 2;
/** A retry that is further away than this is not waited for. */
const RETRY_WAIT_MS = 15_000;

/** Whether to give up instead of waiting for a retry. `now` in milliseconds since the epoch. */
export function isRetryInVain(retry: { attempt: number; next: number }, now: number): boolean {
  return retry.attempt > RETRIES_AWAITED || retry.next - now > RETRY_WAIT_MS;
}

/** A turn that ended as if it had been cancelled, though nobody here did. */
export const STOPPED_INSIDE: ErrorEvent = {
  type: 'error',
  code: 'harness_protocol',
  message: 'The turn was stopped from inside the sandbox.',
  retryable: true,
};

/** The turn error that an error of OpenCode stands for. */
export function errorOf(error: NamedError): ErrorEvent {
  const { message = error.name, statusCode, isRetryable, providerID } = error.data ?? {};
  const code = codeOf(error.name, statusCode, message);
  return {
    type: 'error',
    code,
    message: message.slice(0, MAX_MESSAGE),
    retryable: isRetryable ?? (code === 'provider_rate_limited' || code === 'provider_overloaded'),
    ...(providerID === undefined ? {} : { provider: providerID }),
  };
}

/** The turn error for a provider that is still failing when its retries are cut off. */
export function exhaustedRetry(message: string): ErrorEvent {
  return {
    type: 'error',
    code: codeOfText(message),
    message: message.slice(0, MAX_MESSAGE),
    retryable: true,
  };
}

function codeOf(name: string, status: number | undefined, message: string): TurnErrorCode {
  if (name === 'ProviderAuthError') return 'provider_auth';
  if (name !== 'APIError') return name === 'UnknownError' ? 'internal' : 'provider_error';
  switch (status) {
    case 401:
    case 403:
      return 'provider_auth';
    case 429:
      return 'provider_rate_limited';
    case 503:
    case 529:
      return 'provider_overloaded';
    case undefined:
      return codeOfText(message);
    default:
      return 'provider_error';
  }
}

/** A retry tells its reason as text only. */
function codeOfText(message: string): TurnErrorCode {
  if (/rate.?limit|too many requests|\b429\b/i.test(message)) return 'provider_rate_limited';
  if (/overload|unavailable|at capacity|\b(503|529)\b/i.test(message)) return 'provider_overloaded';
  if (/\b401\b|unauthori[sz]ed|authentication|api.?key/i.test(message)) return 'provider_auth';
  return 'provider_error';
}
