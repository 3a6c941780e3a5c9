import type { Readable } from 'node:stream';
import type { buildConnector } from 'undici';
import { UPSTREAM_IDLE_MS } from '../limits.ts';
import { KeptClients } from './kept-clients.ts';
import { ProviderCall, StaleConnection } from './provider-call.ts';

/** One request to a provider, ready to be sent. */
export interface ProviderRequest {
  method: 'GET' | 'POST';
  /** Below the base URL, with its query. */
  path: string;
  /** Without the length of the body. */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/** The head of a provider's answer, and what follows. */
export interface ProviderAnswer {
  status: number;
  /** Lower-case; what came several times is joined by commas. */
  headers: Readonly<Record<string, string>>;
  /** All of the body, where it came with the head; then nobody need read `body`. */
  readonly whole: Buffer | null;
  /** As it was sent, not decompressed. Errors when it breaks off; destroying it ends the call. */
  readonly body: Readable;
}

/** A base URL with the connections that are kept to it. */
export interface ProviderConnection {
  /** The base URL without a slash at its end. */
  readonly endpoint: string;
  /** What names the server, which nobody inside a sandbox is told. */
  readonly hosts: readonly string[];
  /** The whole address of a path below the base URL. */
  at(path: string): URL;
  /**
   * Sends one request and resolves with the head of the answer. Redirects are not followed. Rejects
   * with `UpstreamError` when no answer came; aborting `signal` ends it at any point.
   */
  send(request: ProviderRequest, signal: AbortSignal): Promise<ProviderAnswer>;
  /** Frees idle connections; those in use end with their calls. */
  close(): void;
}

/** Where a provider is, and how it is reached. */
export interface ConnectionOptions {
  /** What paths are appended to; may have a path of its own. */
  baseUrl: string;
  /** Makes each connection; by default straight to where the name leads. */
  connect?: buildConnector.connector;
  /** Silence after which a call is given up, in ms. */
  silenceMs?: number;
}

/** Paths whose form in a request is remembered: a wire has five, and models some more. */
const KNOWN_PATHS = 64;

export function providerConnection(options: ConnectionOptions): ProviderConnection {
  const base = new URL(options.baseUrl);
  const { silenceMs = UPSTREAM_IDLE_MS, connect } = options;
  const clients = new KeptClients(base.origin, { silenceMs, connect });
  const prefix = base.pathname.replace(/\/+$/, '');
  const at = (path: string) => new URL(`${prefix}${path}`, base.origin);
  const known = new Map<string, string>();
  /** As a request has it. To read an address costs more than the rest of what is done here. */
  const targetOf = (path: string) => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const { pathname, search } = at(path);
    if (known.size === KNOWN_PATHS) known.clear();
    known.set(path, pathname + search);
    return pathname + search;
  };

  return {
    endpoint: `${base.origin}${prefix}`,
    hosts: [base.host, base.hostname],
    at,
    async send({ method, path, headers, body }, signal) {
      const request = { method, path: targetOf(path), headers, body };
      try {
        return await ProviderCall.answered(clients, clients.take(), request, signal);
      } catch (error) {
        // A kept connection that the provider closed as we wrote: it never took the request.
        if (!(error instanceof StaleConnection)) throw error;
        return await ProviderCall.answered(clients, clients.open(), request, signal);
      }
    },
    close: () => clients.close(),
  };
}
