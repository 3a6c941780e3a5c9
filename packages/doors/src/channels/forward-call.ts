import type { ServerResponse } from 'node:http';
import { JournalUnavailable } from '../journal/journal.ts';
import { MeteredCall } from '../metering/metered-call.ts';
import type { CallBooking } from '../metering/turn-ledger.ts';
import type { CallOutcome } from '../metrics.ts';
import {
  type ModelCall,
  type ModelReply,
  type Upstream,
  UpstreamError,
} from '../upstreams/port.ts';
import { refuse } from '../wire/errors.ts';
import { beginCall, type CallRefused } from './begin-call.ts';
import type { CallContext } from './call-context.ts';
import type { Channel } from './channel.ts';
import type { JournalEntry } from './journal-entry.ts';
import { relay } from './relay.ts';

/** One call and where its answer goes. */
export interface Exchange {
  call: ModelCall;
  response: ServerResponse;
  hideUsage: boolean;
  /** As the request names it. */
  model: string;
}

/** Sends a live call to its upstream, passes the answer on and books what it cost. */
export async function forwardCall(
  context: CallContext,
  channel: Channel,
  upstream: Upstream,
  exchange: Exchange,
): Promise<void> {
  const { call } = exchange;
  const { route } = call;
  const meter = new MeteredCall(route.name, call.body.length);
  const booking = route.billed ? channel.ledger.begin(meter) : null;
  const begun = performance.now();
  const gone = whenGone(exchange.response);
  let outcome: CallOutcome = 'failed_here';
  let entry: JournalEntry | null = null;
  try {
    const of = { channel, turnId: booking?.turnId ?? null };
    const begin =
      booking === null ? null : await beginCall(context, of, upstream, exchange, meter, gone);
    if (begin !== null && 'refusal' in begin) {
      outcome = 'refused_here';
      refuseCall(exchange, begin, booking);
    } else {
      entry = begin?.entry ?? null;
      const sent = begin === null ? exchange : { ...exchange, call: { ...call, body: begin.body } };
      outcome = await exchangeWith(context, upstream, sent, meter, entry, gone);
      if (outcome === 'complete') booking?.answered();
    }
  } catch (error) {
    if (!(error instanceof JournalUnavailable)) throw error;
    meter.notSent();
    outcome = 'refused_here';
    context.log.error({ err: error }, 'a call was refused');
    const answer = refuse(route.family, 'overloaded', 'The server cannot take calls now.');
    exchange.response.writeHead(answer.status, answer.headers).end(answer.body);
  } finally {
    await entry?.settle().catch((error: unknown) => {
      context.log.error({ err: error, call: entry?.id }, 'the cost of a call is not on disk yet');
    });
    if (entry?.exceeded === true) {
      context.metrics.budgets.exceeded.inc({ upstream: upstream.id });
      context.log.error({ call: entry.id }, 'a provider counted more than the limits it was sent');
    }
    const settled = booking?.finish();
    if (settled !== undefined) context.metrics.settled(settled, booking?.turnId ?? null);
    context.metrics.calls.inc({ family: route.family, upstream: upstream.id, outcome });
    const line = {
      channel: channel.id,
      call: entry?.id ?? null,
      session: channel.sessionId,
      turn: booking?.turnId ?? null,
      route: route.name,
      upstream: upstream.id,
      outcome,
      ms: Math.round(performance.now() - begun),
    };
    context.log.info(settled === undefined ? line : { ...line, ...meter.booked() }, 'call');
  }
}

/** Aborts when nobody waits for the answer any more. */
function whenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  if (response.destroyed) gone.abort();
  return gone.signal;
}

/** Answers a call that may not be sent; for money the turn ends with it. */
function refuseCall(
  { call, response }: Exchange,
  { refusal, message }: CallRefused,
  booking: CallBooking | null,
): void {
  const { family } = call.route;
  const answer = refuse(
    family,
    refusal === 'control_unavailable' ? 'overloaded' : refusal,
    message,
  );
  if (refusal !== 'invalid_request') booking?.refused({ code: refusal, message, provider: null });
  response.writeHead(answer.status, answer.headers).end(answer.body);
}

async function exchangeWith(
  { metrics, log }: CallContext,
  upstream: Upstream,
  { call, response, hideUsage }: Exchange,
  meter: MeteredCall,
  entry: JournalEntry | null,
  gone: AbortSignal,
): Promise<CallOutcome> {
  const sent = performance.now();
  let reply: ModelReply;
  try {
    reply = await upstream.send(call, gone);
  } catch (error) {
    if (error instanceof UpstreamError && !error.sent) meter.notSent();
    if (gone.aborted) return 'client_gone';
    if (!(error instanceof UpstreamError)) throw error;
    const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
    log.warn({ upstream: upstream.id, code }, 'provider not reached');
    const answer = refuse(call.route.family, 'bad_gateway', error.message);
    response.writeHead(answer.status, answer.headers).end(answer.body);
    return 'unreachable';
  }
  metrics.firstByte.observe({ upstream: upstream.id }, (performance.now() - sent) / 1000);
  meter.answered(reply.status, reply.headers['content-type'] ?? '');
  const ending = await relay(reply, response, {
    hideUsage,
    onChunk: (chunk) => meter.push(chunk),
    async beforeEnd() {
      meter.end();
      await entry?.settle();
    },
  });
  if (ending !== 'complete') return ending === 'gone' ? 'client_gone' : 'cut';
  return reply.status < 400 ? 'complete' : 'refused_by_provider';
}
