import { type Backoff, DEFAULT_BACKOFF, pause, waitBefore } from './backoff.ts';
import {
  ApiError,
  ConnectionError,
  errorOf,
  NotFoundError,
  UnexpectedAnswerError,
} from './errors.ts';

/** What stands as `Authorization: Bearer`: a key or token, or what gives a fresh one at each request. */
export type Credential = string | (() => Promise<string>);

export interface TransportOptions {
  apiKey: Credential;
  baseUrl: string;
  maxRetries?: number | undefined;
  backoff?: Backoff | undefined;
  fetch?: typeof fetch | undefined;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>> | undefined;
}

export interface RequestOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is; a stream can be sent once only, so it is never retried. */
  body?: Blob | Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array> | undefined;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /**
   * What a repetition after a lost answer means: `same` when the server treats it as the same
   * request, `unsafe` when the first may have had its effect. Default `same`.
   */
  repeat?: 'same' | 'unsafe';
  /** A 404 for a repetition means that the first attempt did what was asked. */
  goneIsDone?: boolean;
}

/** How often a request is repeated, or a dropped stream reconnected without progress. */
export const DEFAULT_MAX_RETRIES = 5;

/** Answers that say the request was not carried out and may be sent again. */
const RETRYABLE = new Set([429, 502, 503, 504]);
/** A server that asks to wait longer than this is reported to the caller. In seconds. */
const LONGEST_RETRY_AFTER = 60;

/** HTTP with credentials, repetition where that is safe, and errors as classes. */
export class Transport {
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly #credential: Credential;
  readonly #baseUrl: string;
  readonly #fetch: typeof fetch;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: TransportOptions) {
    this.maxRetries = options.maxRetries ?? DEFAULT_MAX_RETRIES;
    this.backoff = options.backoff ?? DEFAULT_BACKOFF;
    this.#credential = options.apiKey;
    this.#baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#headers = options.headers ?? {};
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /**
   * Sends a request; the body of the answer is the caller's to read. Throws `ApiError`,
   * `ConnectionError`, or the signal's reason.
   */
  send(options: RequestOptions): Promise<Response> {
    return this.#perform(options, async (response) => response);
  }

  /** Sends a request and reads its JSON answer, repeating when that breaks off; 204 is `undefined`. */
  json<T>(options: RequestOptions): Promise<T> {
    return this.#perform(options, async (response) =>
      response.status === 204 ? (undefined as T) : ((await response.json()) as T),
    );
  }

  async #perform<T>(options: RequestOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const init = await this.#init(options);
    const url = this.#url(options);
    const retries = options.body instanceof ReadableStream ? 0 : this.maxRetries;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(url, init, read);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (attempt > retries || !mayRepeat(error, options)) {
          if (attempt > 1 && error instanceof NotFoundError && options.goneIsDone === true) {
            return undefined as T;
          }
          throw error;
        }
        await pause(this.#wait(attempt, error), options.signal ?? NEVER);
      }
    }
  }

  async #attempt<T>(
    url: string,
    init: RequestInit,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    let response: Response;
    try {
      response = await this.#fetch(url, init);
    } catch (cause) {
      throw new ConnectionError(`No answer from ${url}: ${reason(cause)}`, { cause });
    }
    let refusal: Error;
    try {
      if (response.ok) return await read(response);
      refusal = await errorOf(response);
    } catch (cause) {
      throw new ConnectionError(`The answer of ${url} broke off`, { cause });
    }
    throw refusal;
  }

  #wait(attempt: number, error: unknown): number {
    if (error instanceof ApiError && error.retryAfter !== null) return error.retryAfter * 1000;
    return waitBefore(attempt, this.backoff);
  }

  #url({ path, query }: RequestOptions): string {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query ?? {})) {
      if (value !== undefined) search.set(key, value);
    }
    const text = search.toString();
    return `${this.#baseUrl}${path}${text === '' ? '' : `?${text}`}`;
  }

  async #init(options: RequestOptions): Promise<RequestInit> {
    const credential = this.#credential;
    const bearer = typeof credential === 'string' ? credential : await credential();
    const headers: Record<string, string> = {
      authorization: `Bearer ${bearer}`,
      ...this.#headers,
      ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.method === 'POST' ? { 'idempotency-key': crypto.randomUUID() } : {}),
      ...options.headers,
    };
    const body = options.json === undefined ? options.body : JSON.stringify(options.json);
    return {
      method: options.method,
      headers,
      // A server that redirects would be handed the key and the body.
      redirect: 'error',
      ...(body === undefined ? {} : { body }),
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    };
  }
}

const NEVER = new AbortController().signal;

function mayRepeat(error: unknown, options: RequestOptions): boolean {
  if (error instanceof ApiError) {
    return RETRYABLE.has(error.status) && (error.retryAfter ?? 0) <= LONGEST_RETRY_AFTER;
  }
  if (options.repeat === 'unsafe') return false;
  if (error instanceof UnexpectedAnswerError) return RETRYABLE.has(error.status);
  return error instanceof ConnectionError;
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}
