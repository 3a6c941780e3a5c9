import { KartaError, problemOf } from '@karta/protocol';

/** The `application/problem+json` answer of an error. `headers` are added to those of its code. */
export function problemResponse(
  error: KartaError,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const problem = problemOf(error, requestId);
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...retryAfter(error, problem.status),
      ...headers,
    },
  });
}

/** Seconds to wait when the error itself names none. */
const RETRY_AFTER_SECONDS = 5;

function retryAfter(error: KartaError, status: number): Record<string, string> {
  const seconds =
    error.retryAfter ?? (status === 429 || status === 503 ? RETRY_AFTER_SECONDS : undefined);
  return seconds === undefined ? {} : { 'retry-after': String(Math.ceil(seconds)) };
}

/** What may be logged of an unforeseen error: never the values that some carry along. */
export function loggable(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = (error as NodeJS.ErrnoException).code;
  return { error: error.name, message: error.message, code, stack: error.stack };
}

/** Any thrown value as a `KartaError`; what is none becomes `internal`, without its message. */
export function asKartaError(error: unknown): KartaError {
  return KartaError.is(error)
    ? error
    : new KartaError('internal', 'Something went wrong inside.', { cause: error });
}
