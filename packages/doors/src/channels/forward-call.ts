import type { ServerResponse } from 'node:http';
import type { TurnRefusal } from '@karta/protocol';
import { JournalUnavailable } from '../journal/journal.ts';
import { refusesKey, type ServedBy } from '../keys/serving-key.ts';
import { MeteredCall } from '../metering/metered-call.ts';
import type { CallBooking } from '../metering/turn-ledger.ts';
import type { CallOutcome } from '../metrics.ts';
import { type ModelCall, type ModelReply, UpstreamError } from '../upstreams/port.ts';
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

/**
 * Sends a live call to its upstream, passes the answer on and books what it cost. Resolves with how
 * it ended: after `own_key_refused` nothing has been answered where there is a fallback to try.
 */
export async function forwardCall(
  context: CallContext,
  channel: Channel,
  served: ServedBy,
  exchange: Exchange,
): Promise<CallOutcome> {
  const { call } = exchange;
  const { upstream } = served;
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
      booking === null ? null : await beginCall(context, of, served, exchange, meter, gone);
    if (begin !== null && 'refusal' in begin) {
      outcome = 'refused_here';
      refuseCall(exchange, begin, booking);
    } else {
      entry = begin?.entry ?? null;
      const sent = begin === null ? exchange : { ...exchange, call: { ...call, body: begin.body } };
      outcome = await exchangeWith(context, served, sent, meter, entry, gone);
      if (outcome === 'complete') booking?.answered();
      if (outcome === 'own_key_refused') {
        // The org may have replaced it by now.
        context.orgs?.keys.forget([channel.orgId]);
        if (served.fallback === null) booking?.refused(ownKeyRefusal(served));
      }
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
    // A call without an entry was never sent.
    const settled = booking?.finish(entry === null ? 0n : entry.cost);
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
  return outcome;
}

/** Why the turn ends when an org's own key is refused. */
function ownKeyRefusal({ upstream }: ServedBy): TurnRefusal {
  const message = `${upstream.id} refused the org's own key.`;
  return { code: 'byok_key_rejected', message, provider: upstream.id };
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
  { upstream, key, fallback }: ServedBy,
  { call, response, hideUsage }: Exchange,
  meter: MeteredCall,
  entry: JournalEntry | null,
  gone: AbortSignal,
): Promise<CallOutcome> {
  const sent = performance.now();
  let reply: ModelReply;
  try {
    reply = await upstream.send(call, key, gone);
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
  const ownRefused = key?.ownId != null && refusesKey(reply.status);
  if (ownRefused) {
    log.warn({ upstream: upstream.id, key: key.ownId, status: reply.status }, 'own key refused');
    if (fallback !== null) {
      reply.body.destroy();
      return 'own_key_refused';
    }
  }
  const ending = await relay(reply, response, {
    hideUsage,
    onChunk: (chunk) => meter.push(chunk),
    async beforeEnd() {
      meter.end();
      await entry?.settle();
    },
  });
  if (ending !== 'complete') return ending === 'gone' ? 'client_gone' : 'cut';
  if (ownRefused) return 'own_key_refused';
  return reply.status < 400 ? 'complete' : 'refused_by_provider';
}
