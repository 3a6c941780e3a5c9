import type { Duplex } from 'node:stream';
import { createOpencodeClient, type OpencodeClient } from '@opencode-ai/sdk/v2/client';
import { createGuardedFetch } from '../../guard/index.ts';
import { eventData } from '../events/event-stream.ts';

/** Requests that take longer are given up. A prompt is acknowledged at once … */
const REQUEST_MS = 30_000;
/** … but a slash command answers at the end of its turn, which the caller bounds. */
const UNBOUNDED = /\/session\/[^/]+\/command$/;

/** A way to one OpenCode server inside a sandbox. */
export interface Connection {
  client: OpencodeClient;
  /** The event stream of the workspace; ends when the connection does. */
  events(signal: AbortSignal): Promise<AsyncIterable<unknown>>;
  close(): void;
}

export interface ConnectionOptions {
  dial: () => Promise<Duplex>;
  password: string;
  /** Where the server sees `/workspace`. */
  directory: string;
}

/** The name that stands in `Host`; no request leaves the channel. */
const ORIGIN = 'http://127.0.0.1';

export function connect(options: ConnectionOptions): Connection {
  const guarded = createGuardedFetch({ dial: options.dial });
  const headers = { authorization: `Basic ${btoa(`opencode:${options.password}`)}` };
  const client = createOpencodeClient({
    baseUrl: ORIGIN,
    headers,
    directory: options.directory,
    // The client gives its error bodies as values; a failure of the channel itself throws.
    fetch: (input, init) => guarded.fetch(bounded(new Request(input, init))),
  });
  return {
    client,
    async events(signal) {
      const url = `${ORIGIN}/event?directory=${encodeURIComponent(options.directory)}`;
      const response = await guarded.fetch(url, { headers, signal });
      if (!response.ok) throw new Error(`the event stream answered ${response.status}`);
      return eventData(response);
    },
    close: () => guarded.close(),
  };
}

function bounded(request: Request): Request {
  if (UNBOUNDED.test(new URL(request.url).pathname)) return request;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(REQUEST_MS)]);
  return new Request(request, { signal });
}
