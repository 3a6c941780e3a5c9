import { ApiError, KartaSdkError } from '@karta/sdk';
import { CliError } from '../cli-error.ts';

/** What a call of the server threw, with what to do next and its exit; anything else as it is. */
export function asCliError(error: unknown): unknown {
  if (error instanceof ApiError) {
    const id = error.requestId === null ? [] : [`request ${error.requestId}`];
    return new CliError('refused', error.message, error.suggestion, { details: id, cause: error });
  }
  if (error instanceof KartaSdkError) {
    const next = 'Is the server running? Start one: karta serve';
    return new CliError('unreachable', error.message, next, { cause: error });
  }
  return error;
}
