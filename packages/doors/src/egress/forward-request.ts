import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { connect, type TLSSocket } from 'node:tls';
import type { EgressOutcome } from '@karta/protocol';
import { ConnectError } from '@karta/service/network';
import { type AddedHeader, passedHeaders } from './added-header.ts';
import type { ChannelEgress, Place } from './channel-egress.ts';
import { EGRESS_CONNECT_MS, EGRESS_IDLE_MS } from './limits.ts';

/** The door's own refusals, in place of an answer of the host. */
const REFUSALS = {
  limit: { status: 429, message: 'Too many connections.' },
  target: { status: 400, message: 'The request must name a path.' },
  trace: { status: 405, message: 'TRACE would repeat the header that is added.' },
  unresolved: { status: 502, message: 'The host could not be resolved.' },
  forbidden_address: { status: 502, message: 'The host leads to no public address.' },
  unreachable: { status: 502, message: 'The host does not answer.' },
  tls_failed: { status: 502, message: 'The host does not prove by TLS that it is the one meant.' },
  cut: { status: 502, message: 'The host broke off.' },
} as const;
type Refusal = keyof typeof REFUSALS;

/** The host speaks no valid TLS. */
class TlsError extends Error {}

/**
 * Sends a plain request from inside to its host over TLS, with the header added, and the answer
 * back. A redirect is an answer like any other: it is not followed here. Never rejects.
 */
export async function forwardRequest(
  { egress, place, inject, ca }: Injecting,
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const refuse = (refusal: Refusal) => {
    if (answer.headersSent) {
      answer.destroy();
      return;
    }
    const { status, message } = REFUSALS[refusal];
    const headers = { 'content-type': 'application/json', connection: 'close' };
    answer.writeHead(status, headers).end(JSON.stringify({ error: refusal, message }));
  };
  if (!incoming.url?.startsWith('/')) return refuse('target');
  if (incoming.method === 'TRACE') return refuse('trace');
  const passage = egress.enter(place);
  if (passage === null) return refuse('limit');
  const counts = { sent: 0, received: 0 };
  const end = (outcome: EgressOutcome) => passage.end(outcome, counts.sent, counts.received);
  const gone = new AbortController();
  answer.once('close', () => gone.abort());
  let tls: TLSSocket | null = null;
  try {
    tls = await openTls(egress, place, ca, gone.signal);
    await exchange({ tls, place, inject, incoming, answer, counts, signal: gone.signal });
    end('complete');
  } catch (error) {
    const fault = faultOf(error);
    end(gone.signal.aborted ? 'cut' : fault);
    refuse(fault);
  } finally {
    tls?.destroy();
  }
}

export interface Injecting {
  egress: ChannelEgress;
  place: Place;
  inject: AddedHeader;
  ca: string[] | undefined;
}

function faultOf(error: unknown): Exclude<Refusal, 'limit' | 'target' | 'trace'> {
  if (error instanceof ConnectError) return error.fault;
  return error instanceof TlsError ? 'tls_failed' : 'cut';
}

async function openTls(
  egress: ChannelEgress,
  place: Place,
  ca: string[] | undefined,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const socket = await egress.connect(place, signal);
  const { host } = place;
  const tls = connect({ socket, servername: host, ALPNProtocols: ['http/1.1'], ...(ca && { ca }) });
  try {
    const limits = [signal, AbortSignal.timeout(EGRESS_CONNECT_MS)];
    await once(tls, 'secureConnect', { signal: AbortSignal.any(limits) });
  } catch (cause) {
    tls.destroy();
    // `destroy` tells later what `once` has told already.
    tls.on('error', () => undefined);
    signal.throwIfAborted();
    throw new TlsError(`no TLS with ${host}`, { cause });
  }
  return tls;
}

interface Exchange {
  tls: TLSSocket;
  place: Place;
  inject: AddedHeader;
  incoming: IncomingMessage;
  answer: ServerResponse;
  counts: { sent: number; received: number };
  signal: AbortSignal;
}

async function exchange(parts: Exchange): Promise<void> {
  const { tls, place, inject, incoming, answer, counts, signal } = parts;
  const { host, port } = place;
  const outgoing = request({
    createConnection: () => tls,
    method: incoming.method,
    path: incoming.url,
    setHost: false,
    headers: [
      ...['Host', port === 443 ? host : `${host}:${port}`, 'Connection', 'close'],
      ...passedHeaders(incoming, inject.header),
      ...(incoming.headers['transfer-encoding'] === undefined
        ? []
        : ['Transfer-Encoding', 'chunked']),
      ...[inject.header, inject.value],
    ],
    signal,
  });
  outgoing.setTimeout(EGRESS_IDLE_MS, () => outgoing.destroy(new Error('the host is silent')));
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    // A host may answer and close before it has read all: the answer counts, not the error after it.
    outgoing.once('response', resolve).on('error', reject);
    incoming.on('data', (chunk: Buffer) => {
      counts.sent += chunk.length;
    });
    incoming.pipe(outgoing);
  });
  response.on('data', (chunk: Buffer) => {
    counts.received += chunk.length;
  });
  answer.writeHead(response.statusCode ?? 502, passedHeaders(response));
  await pipeline(response, answer);
}
