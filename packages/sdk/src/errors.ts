import type { ErrorCode, Problem } from '@karta/protocol';

const MARKER = Symbol.for('karta.sdk.error');

/** The root of everything this client throws, except an abort, which throws the signal's reason. */
export class KartaSdkError extends Error {
  readonly [MARKER] = true;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }

  /** Recognises this client's errors across duplicate installs of the package. */
  static is(value: unknown): value is KartaSdkError {
    return typeof value === 'object' && value !== null && MARKER in value;
  }
}

/** No complete answer arrived: refused, reset, timed out, or cut off more often than retries allow. */
export class ConnectionError extends KartaSdkError {}

/** The server answered with something that is no answer of Karta's, such as a proxy's error page. */
export class UnexpectedAnswerError extends KartaSdkError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The server refused the request. `code` is one of the published error codes. */
export class ApiError extends KartaSdkError {
  readonly status: number;
  readonly code: ErrorCode | (string & {});
  /** What to do next, in one sentence. */
  readonly suggestion: string;
  /** Quote it when asking the operator. */
  readonly requestId: string | null;
  /** Seconds the server asks to wait. */
  readonly retryAfter: number | null;
  /** The whole problem document. */
  readonly problem: Problem;

  constructor(problem: Problem, requestId: string | null, retryAfter: number | null) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.error;
    this.suggestion = problem.suggestion;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.problem = problem;
  }
}

/** 400, 413, 415, 422: the request itself must change. */
export class InvalidRequestError extends ApiError {}
/** 401 */
export class AuthenticationError extends ApiError {}
/** 402: nothing ran. */
export class BudgetError extends ApiError {}
/** 403 */
export class PermissionError extends ApiError {}
/** 404: absent, or not yours. */
export class NotFoundError extends ApiError {}
/** 409 */
export class ConflictError extends ApiError {}
/** 410: an expired input, or events that are no longer kept. */
export class GoneError extends ApiError {
  /** With `replay_expired`: the first event that is still kept. */
  get firstSeq(): number | null {
    const value = this.problem.first_seq;
    return typeof value === 'number' ? value : null;
  }
}
/** 429 */
export class RateLimitError extends ApiError {}
/** 5xx */
export class ServerError extends ApiError {}

const BY_STATUS: Readonly<Record<number, typeof ApiError>> = {
  400: InvalidRequestError,
  401: AuthenticationError,
  402: BudgetError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  410: GoneError,
  413: InvalidRequestError,
  415: InvalidRequestError,
  422: InvalidRequestError,
  429: RateLimitError,
};

/** The error that an answer with a status of 400 or more stands for. Reads the body. */
export async function errorOf(response: Response): Promise<ApiError | UnexpectedAnswerError> {
  const body = await response.text();
  const problem = problemIn(body);
  if (problem === null) {
    return new UnexpectedAnswerError(
      response.status,
      `${response.url} answered ${response.status} without a problem document; is it a Karta server?`,
    );
  }
  const Kind = BY_STATUS[problem.status] ?? (problem.status >= 500 ? ServerError : ApiError);
  return new Kind(
    problem,
    response.headers.get('x-request-id') ?? problem.request_id ?? null,
    secondsOf(response.headers.get('retry-after')),
  );
}

function problemIn(body: string): Problem | null {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // Not JSON: the caller reports the status alone.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { error, status, detail, title, suggestion, type } = value as Partial<Problem>;
  if (typeof error !== 'string' || typeof status !== 'number') return null;
  return {
    ...value,
    error,
    status,
    type: type ?? 'about:blank',
    title: title ?? error,
    detail: detail ?? title ?? error,
    suggestion: suggestion ?? '',
  };
}

/** `Retry-After` in seconds, when it is a number of them. */
function secondsOf(header: string | null): number | null {
  if (header === null || !/^\d+(\.\d+)?$/.test(header.trim())) return null;
  return Number(header);
}
