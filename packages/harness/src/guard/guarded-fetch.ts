import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { boundedBody } from './bounded-body.ts';
import { ChannelAgent } from './channel-agent.ts';
import { GuardError } from './guard-error.ts';
import { FRAME_LIMITS, type FrameLimits } from './limits.ts';

export interface GuardedFetchOptions {
  /** Opens one connection to the server inside; the only way out this client has. */
  dial: () => Promise<Duplex>;
  /** Bounds of one event or one JSON body. Default {@link FRAME_LIMITS}. */
  limits?: FrameLimits;
  /** Bytes of a body that is neither JSON nor an event stream. Default 16 MB. */
  bodyBytes?: number;
  /** Bytes of an answer's head. Default 32 KB. */
  headerBytes?: number;
  /** Connections at once; further requests wait. Default 16. */
  connections?: number;
}

export interface GuardedFetch {
  /**
   * `fetch` for a client of a hostile server. Host and port of the address are only what the
   * `Host` header says; every request goes over `dial`. Rejects with {@link GuardError} for
   * redirects, compressed or oversized answers; a body that breaks a bound fails its reader
   * with one. Headers may take as long as they like: bound a request by its signal.
   */
  fetch: typeof globalThis.fetch;
  /** Ends all connections; requests under way fail. */
  close(): void;
}

const BODY_BYTES = 16 * 1024 * 1024;
const HEADER_BYTES = 32 * 1024;
const CONNECTIONS = 16;
const NO_BODY = new Set([204, 205, 304]);

export function createGuardedFetch(options: GuardedFetchOptions): GuardedFetch {
  const agent = new ChannelAgent(options.dial, {
    maxSockets: options.connections ?? CONNECTIONS,
  });
  const bounds = {
    frames: options.limits ?? FRAME_LIMITS,
    bodyBytes: options.bodyBytes ?? BODY_BYTES,
  };
  const headerBytes = options.headerBytes ?? HEADER_BYTES;
  return {
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const answer = await send(request, agent, headerBytes);
      try {
        return responseOf(answer, bounds);
      } catch (error) {
        answer.destroy();
        throw error;
      }
    },
    close: () => agent.destroy(),
  };
}

async function send(
  request: Request,
  agent: ChannelAgent,
  maxHeaderSize: number,
): Promise<IncomingMessage> {
  const url = new URL(request.url);
  if (url.protocol !== 'http:') throw new TypeError('a channel carries plain http only');
  const headers = Object.fromEntries(request.headers);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = httpRequest(
    {
      agent,
      method: request.method,
      host: url.hostname,
      port: url.port,
      path: url.pathname + url.search,
      headers: { ...headers, 'accept-encoding': 'identity' },
      maxHeaderSize,
      signal: request.signal,
    },
    resolve,
  );
  outgoing.on('error', (error) => reject(failureOf(error, request.signal)));
  if (request.body === null) outgoing.end();
  else {
    const sent = pipeline(Readable.fromWeb(request.body as NodeReadableStream), outgoing);
    sent.catch((error: unknown) => reject(failureOf(error, request.signal)));
  }
  return promise;
}

function responseOf(
  answer: IncomingMessage,
  bounds: { frames: FrameLimits; bodyBytes: number },
): Response {
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400 && status !== 304) {
    throw new GuardError('redirect', `the server answered ${status}`);
  }
  if (status < 200 || status > 599) {
    throw new GuardError('protocol', `the server answered status ${status}`);
  }
  const encoding = answer.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new GuardError('encoded', 'the server answered with a compressed body');
  }
  const headers = headersOf(answer);
  if (NO_BODY.has(status)) {
    answer.resume();
    return new Response(null, { status, headers });
  }
  const body = boundedBody(answer, answer.headers['content-type'] ?? '', bounds);
  return new Response(body, { status, headers });
}

function headersOf(answer: IncomingMessage): Headers {
  const headers = new Headers();
  try {
    for (const [name, value] of Object.entries(answer.headersDistinct)) {
      for (const item of value ?? []) headers.append(name, item);
    }
  } catch (error) {
    throw new GuardError('protocol', 'the answer has a malformed header', { cause: error });
  }
  // The body is written anew, so its length may differ from what the server announced.
  headers.delete('content-length');
  return headers;
}

function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const code = (error as { code?: unknown }).code;
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new GuardError('headers_too_large', "the answer's head is too large", { cause: error });
  }
  if (typeof code === 'string' && code.startsWith('HPE_')) {
    return new GuardError('protocol', 'the answer is not HTTP', { cause: error });
  }
  return error;
}
