import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import type { WireFamily } from '@karta/protocol';
import type { KeyParts, UpstreamKey } from '../keys/key-parts.ts';
import { UPSTREAM_CONNECT_MS, UPSTREAM_IDLE_MS } from '../limits.ts';
import { type ModelCall, type ModelReply, type Upstream, UpstreamError } from './port.ts';
import { providerRefusal } from './provider-refusal.ts';

/** A provider reached over HTTP. */
export interface ProviderOptions {
  id: Upstream['id'];
  family: WireFamily;
  /** What the family's paths are appended to; may have a path of its own. */
  baseUrl: string;
  /** The headers that carry the key. */
  authorize(key: KeyParts): Record<string, string>;
  /** Makes the connections; by default straight to where the name leads. */
  agent?(secure: boolean): http.Agent;
}

/** Answer headers that may reach the sandbox. Others tell about the operator's account. */
const ANSWER_HEADERS = [
  'content-type',
  'request-id',
  'x-request-id',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
];

/**
 * Forwards calls to a provider and streams its answers through. Redirects are not followed, answers
 * are asked for uncompressed so that their usage can be read, refusals are freed of secrets.
 */
export function providerUpstream(options: ProviderOptions): Upstream {
  const base = new URL(options.baseUrl);
  const transport = base.protocol === 'https:' ? https : http;
  const secure = transport === https;
  const agent = options.agent?.(secure) ?? new transport.Agent({ keepAlive: true });
  const prefix = base.pathname.replace(/\/+$/, '');

  /** For a second try: no kept connection, but by the same way. */
  const freshAgent = () => options.agent?.(secure) ?? false;

  async function send(
    call: ModelCall,
    key: UpstreamKey | null,
    signal: AbortSignal,
  ): Promise<ModelReply> {
    const target = new URL(`${prefix}${call.route.path}${call.route.query}`, base.origin);
    const headers: http.OutgoingHttpHeaders = {
      ...call.headers,
      ...(key === null ? {} : options.authorize(key.parts)),
      'accept-encoding': 'identity',
    };
    if (call.body.length > 0) headers['content-length'] = call.body.length;
    const method = call.body.length > 0 ? 'POST' : 'GET';
    const request = (fresh: boolean) =>
      attempt(
        transport.request(target, { method, headers, signal, agent: fresh ? freshAgent() : agent }),
        call.body,
      );
    let response: http.IncomingMessage;
    try {
      response = await request(false);
    } catch (error) {
      // A kept connection that the provider closed as we wrote: it never took the request.
      if (!(error instanceof StaleConnection)) throw error;
      response = await request(true);
    }
    return reply(response, key);
  }

  function reply(
    response: http.IncomingMessage,
    key: UpstreamKey | null,
  ): ModelReply | Promise<ModelReply> {
    const status = response.statusCode ?? 0;
    const encoding = response.headers['content-encoding'] ?? 'identity';
    if (status < 200 || status >= 300 || encoding !== 'identity') {
      const kept = pick(response.headers);
      return providerRefusal(options.family, status, kept, response, {
        whose: key?.ownId == null ? "the platform's" : "the org's own",
        secrets: [...(key?.parts.all() ?? []), base.host, base.hostname],
      });
    }
    return { status, headers: pick(response.headers), body: response satisfies Readable };
  }

  return {
    id: options.id,
    families: [options.family],
    endpoint: `${base.origin}${prefix}`,
    send,
    close: () => agent.destroy(),
  };
}

class StaleConnection extends Error {}

/** Sends one request; resolves with the head of the answer. */
function attempt(request: http.ClientRequest, body: Buffer): Promise<http.IncomingMessage> {
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
    request.setTimeout(UPSTREAM_IDLE_MS, () => request.destroy(new Error('silent for too long')));
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

function pick(headers: http.IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ANSWER_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}
