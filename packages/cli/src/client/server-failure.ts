import { ApiError, KartaSdkError } from '@karta/sdk';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';

/** What a call of the server threw, with what to do next and its exit; anything else as it is. */
export function asCliError(error: unknown): unknown {
  if (error instanceof ApiError) {
    const id = error.requestId === null ? [] : [`request ${error.requestId}`];
    const details = [...faultsOf(error), ...id];
    return new CliError('refused', error.message, error.suggestion, { details, cause: error });
  }
  if (error instanceof KartaSdkError) {
    const next = 'Is the server running? Start one: karta serve';
    return new CliError('unreachable', error.message, next, { cause: error });
  }
  return error;
}

const faults = z.array(
  z.object({ pointer: z.string(), parameter: z.string().optional(), message: z.string() }),
);

/** What is wrong with a request, a line each; a single fault is told by the message already. */
function faultsOf({ problem }: ApiError): string[] {
  const listed = faults.safeParse(problem.errors).data ?? [];
  if (listed.length < 2) return [];
  return listed.map(({ pointer, parameter, message }) => `${parameter ?? pointer}: ${message}`);
}
