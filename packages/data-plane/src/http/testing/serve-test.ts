import { Writable } from 'node:stream';
import { type HttpServer, listenHttp } from '@karta/http';
import type { KartaEvent, Session } from '@karta/protocol';
import { createParser } from 'eventsource-parser';
import { pino } from 'pino';
import { createStreamTickets } from '../../auth/stream-tickets.ts';
import { createHttpApp, type HttpApp } from '../app.ts';
import type { HttpDeps } from '../deps.ts';
import { createMetrics } from '../metrics.ts';
import { KEYS, testControl } from './test-control.ts';

/** A served HTTP surface, with what its tests do over and over. */
export interface TestServer {
  url: string;
  app: HttpApp;
  deps: HttpDeps;
  http: HttpServer;
  /** Lines of the log, parsed. */
  logged: Record<string, unknown>[];
  /** Sends with the full API key; a `body` that is no string is sent as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** A fresh session of the default project. */
  session(): Promise<Session>;
  close(): Promise<void>;
}

export interface CallOptions {
  key?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Serves the HTTP surface on a real socket, over the sessions given. */
export async function serveTest(
  given: Pick<HttpDeps, 'sessions' | 'idempotency'> & Partial<HttpDeps>,
): Promise<TestServer> {
  const logged: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) logged.push(JSON.parse(line));
      done();
    },
  });
  const deps: HttpDeps = {
    control: testControl(),
    harnesses: [],
    metrics: createMetrics(),
    tickets: createStreamTickets('a secret of this test'),
    log: pino(sink),
    ready: () => true,
    ...given,
  };
  const app = createHttpApp(deps);
  const http = await listenHttp(app, { host: '127.0.0.1', port: 0 });
  const call: TestServer['call'] = (method, path, options = {}) => {
    const { key = KEYS.full, body, headers = {}, signal } = options;
    return fetch(`${http.url}${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  };
  return {
    url: http.url,
    app,
    deps,
    http,
    logged,
    call,
    session: async () =>
      (await (await call('POST', '/v1/sessions', { body: {} })).json()) as Session,
    close: () => http.close(0),
  };
}

/** The events of an SSE answer, as a standard parser reads them. Ends when the answer ends. */
export async function* eventsOf(response: Response): AsyncGenerator<KartaEvent> {
  for await (const message of messagesOf(response)) {
    if (message.event !== 'comment') yield JSON.parse(message.data) as KartaEvent;
  }
}

export interface SseMessage {
  id: string | undefined;
  event: string | undefined;
  data: string;
}

/** Raw messages of an SSE answer; comments come as `event: "comment"`. */
export async function* messagesOf(response: Response): AsyncGenerator<SseMessage> {
  const ready: SseMessage[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => ready.push({ id, event, data }),
    onComment: (comment) => ready.push({ id: undefined, event: 'comment', data: comment }),
  });
  const decoder = new TextDecoder();
  if (response.body === null) throw new Error('the answer has no body');
  for await (const chunk of response.body) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    yield* ready.splice(0);
  }
}

/** All of an async iterable. */
export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}
