import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ConnectError, guardedConnect } from '@karta/service/network';
import { type EndpointRules, formProblem, hostOf } from './endpoint-address.ts';

/** An endpoint has so long for everything, from its name to the end of its answer. */
export const DELIVERY_TIMEOUT_MS = 15_000;
/** Of an answer so much is kept; what follows is not read. */
export const KEPT_ANSWER_BYTES = 4 * 1024;

/** How one try of a delivery went. */
export interface SendResult {
  /** `null` when no answer came. */
  status: number | null;
  /** The start of the answer. */
  body: string | null;
  /** Why it counts as failed; `null` for a 2xx. */
  error: string | null;
}

export interface Outgoing {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/**
 * Sends one request to an address that a customer named. The host is resolved now, refused where it
 * leads to anything but the public network, and the connection goes to the very address that was
 * looked at. Redirects are not followed: they count as failures. Never rejects.
 */
export async function sendRequest(
  outgoing: Outgoing,
  rules: EndpointRules,
  timeoutMs = DELIVERY_TIMEOUT_MS,
): Promise<SendResult> {
  const signal = AbortSignal.timeout(timeoutMs);
  const url = new URL(outgoing.url);
  const problem = formProblem(url, rules);
  if (problem !== null) return failed(`The URL ${problem}.`);
  let socket: Socket | null = null;
  try {
    socket = await connected(url, rules, timeoutMs, signal);
    const answer = await exchange(socket, url, outgoing, signal);
    const status = answer.statusCode ?? 0;
    const body = await startOf(answer);
    const ok = status >= 200 && status < 300;
    return { status, body, error: ok ? null : `The endpoint answered ${status}.` };
  } catch (error) {
    return failed(signal.aborted ? `No answer within ${timeoutMs} ms.` : reasonOf(error));
  } finally {
    socket?.destroy();
  }
}

function failed(error: string): SendResult {
  return { status: null, body: null, error };
}

/** In words that may be shown to whoever named the endpoint: no address, no stack. */
function reasonOf(error: unknown): string {
  if (error instanceof ConnectError) return `${error.message}.`;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return `The connection failed: ${code}.`;
}

async function connected(
  url: URL,
  { policy, resolver, ca }: EndpointRules,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  const secure = url.protocol === 'https:';
  const host = hostOf(url);
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const socket = await guardedConnect({ host, port, policy, resolver, timeoutMs, signal });
  if (!secure) return socket;
  const servername = host.includes(':') || /^[\d.]+$/.test(host) ? '' : host;
  const tls = connectTls({
    socket,
    host,
    servername,
    ALPNProtocols: ['http/1.1'],
    ...(ca && { ca }),
  });
  try {
    await once(tls, 'secureConnect', { signal });
  } catch (error) {
    tls.destroy();
    // What `once` has told already is told again when the socket ends.
    tls.on('error', () => undefined);
    throw error;
  }
  return tls;
}

function exchange(
  socket: Socket,
  url: URL,
  { headers, body }: Outgoing,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({
      createConnection: () => socket,
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      setHost: false,
      headers: {
        host: url.host,
        connection: 'close',
        'user-agent': 'Karta-Webhooks/1',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...headers,
      },
      signal,
    });
    call.once('response', resolve).on('error', reject);
    call.end(body);
  });
}

async function startOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= KEPT_ANSWER_BYTES) break;
  }
  const text = Buffer.concat(chunks).subarray(0, KEPT_ANSWER_BYTES).toString('utf8');
  // PostgreSQL refuses NUL, and an answer may be anything.
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}
