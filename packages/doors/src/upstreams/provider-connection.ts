import http from 'node:http';
import https from 'node:https';
import { UPSTREAM_CONNECT_MS, UPSTREAM_IDLE_MS } from '../limits.ts';
import { UpstreamError } from './port.ts';

/** One request to a provider, ready to be sent. */
export interface ProviderRequest {
  method: 'GET' | 'POST';
  /** Below the base URL, with its query. */
  path: string;
  headers: http.OutgoingHttpHeaders;
  body: Buffer;
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
   * with {@link UpstreamError} when no answer came; aborting `signal` ends it at any point.
   */
  send(request: ProviderRequest, signal: AbortSignal): Promise<http.IncomingMessage>;
  /** Frees idle connections. */
  close(): void;
}

/** Where a provider is, and how it is reached. */
export interface ConnectionOptions {
  /** What paths are appended to; may have a path of its own. */
  baseUrl: string;
  /** Makes the connections; by default straight to where the name leads. */
  agent?(secure: boolean): http.Agent;
  /** Silence after which a call is given up, in ms. */
  silenceMs?: number;
}

export function providerConnection(options: ConnectionOptions): ProviderConnection {
  const base = new URL(options.baseUrl);
  const transport = base.protocol === 'https:' ? https : http;
  const secure = transport === https;
  const { silenceMs = UPSTREAM_IDLE_MS } = options;
  const agent = options.agent?.(secure) ?? new transport.Agent({ keepAlive: true });
  const prefix = base.pathname.replace(/\/+$/, '');
  const at = (path: string) => new URL(`${prefix}${path}`, base.origin);

  /** For a second try: no kept connection, but by the same way. */
  const freshAgent = () => options.agent?.(secure) ?? false;

  return {
    endpoint: `${base.origin}${prefix}`,
    hosts: [base.host, base.hostname],
    at,
    async send({ method, path, headers, body }, signal) {
      const sent = { ...headers };
      if (body.length > 0) sent['content-length'] = body.length;
      const request = (fresh: boolean) => {
        const options = { method, headers: sent, signal, agent: fresh ? freshAgent() : agent };
        return attempt(transport.request(at(path), options), body, silenceMs);
      };
      try {
        return await request(false);
      } catch (error) {
        // A kept connection that the provider closed as we wrote: it never took the request.
        if (!(error instanceof StaleConnection)) throw error;
        return await request(true);
      }
    },
    close: () => agent.destroy(),
  };
}

class StaleConnection extends Error {}

/** Sends one request; resolves with the head of the answer. */
function attempt(
  request: http.ClientRequest,
  body: Buffer,
  silenceMs: number,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    let connected = false;
    const connecting = setTimeout(
      () => request.destroy(new Error('connecting took too long')),
      UPSTREAM_CONNECT_MS,
    );
    const onConnected = () => {
      connected = true;
      clearTimeout(connecting);
    };
    request.on('socket', (socket) => {
      if (!socket.connecting) return onConnected();
      socket.once('secure' in socket ? 'secureConnect' : 'connect', onConnected);
    });
    request.setTimeout(silenceMs, () => request.destroy(new Error('silent for too long')));
    request.on('response', (response) => {
      clearTimeout(connecting);
      resolve(response);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(connecting);
      const stale = request.reusedSocket && error.code === 'ECONNRESET';
      if (stale) reject(new StaleConnection());
      else {
        const message = 'The model provider could not be reached.';
        reject(new UpstreamError(message, { sent: connected, cause: error }));
      }
    });
    request.end(body);
  });
}
