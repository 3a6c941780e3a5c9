import type { Duplex } from 'node:stream';
import { createOpencodeClient, type OpencodeClient } from '@opencode-ai/sdk/v2/client';
import { createGuardedFetch } from '../../guard/index.ts';

/** Requests that take longer are given up. A prompt is acknowledged at once. */
const REQUEST_MS = 30_000;
/** A slash command answers at the end of its turn, which the caller bounds. */
const UNBOUNDED = /\/session\/[^/]+\/command$/;
/**
 * What loads the folder waits for its MCP servers. OpenCode itself gives up one that does not answer
 * after 30 s, and goes on without it.
 */
const LOADING = /^\/(?:command|config\/providers)$/;
const LOADING_MS = 90_000;

/** A way to one OpenCode server inside a sandbox. */
export interface Connection {
  client: OpencodeClient;
  /** A request beside the client, for the one that somebody waits for. `path` begins with a slash. */
  post(path: string, json: unknown): Promise<Response>;
  /** The events of the workspace, in batches as they come; ends when the connection does. */
  events(signal: AbortSignal): Promise<AsyncIterable<unknown[]>>;
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

/** For how many milliseconds an answer to a request is waited for, `null` for as long as it takes. */
export function patienceWith(path: string): number | null {
  if (UNBOUNDED.test(path)) return null;
  return LOADING.test(path) ? LOADING_MS : REQUEST_MS;
}

export function connect(options: ConnectionOptions): Connection {
  const guarded = createGuardedFetch({
    dial: options.dial,
    timeoutMs: patienceWith,
  });
  const directory = `?directory=${encodeURIComponent(options.directory)}`;
  const headers = { authorization: `Basic ${btoa(`opencode:${options.password}`)}` };
  const client = createOpencodeClient({
    baseUrl: ORIGIN,
    headers,
    directory: options.directory,
    // The client gives its error bodies as values; a failure of the channel itself throws.
    fetch: guarded.fetch,
  });
  return {
    client,
    post: (path, json) => guarded.post(`${ORIGIN}${path}${directory}`, { headers, json }),
    events: (signal) => guarded.events(`${ORIGIN}/event${directory}`, { headers, signal }),
    close: () => guarded.close(),
  };
}
