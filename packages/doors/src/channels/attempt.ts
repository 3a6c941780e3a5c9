import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { JournalUnavailable } from '../journal/journal.ts';
import { refusesKey, type ServedBy } from '../keys/serving-key.ts';
import { MeteredCall } from '../metering/metered-call.ts';
import type { CallOutcome } from '../metrics.ts';
import { type ModelCall, type ModelReply, UpstreamError } from '../upstreams/port.ts';
import { type Failure, isPassing } from '../upstreams/retry.ts';
import { wholeReply } from '../upstreams/whole-reply.ts';
import { refuse } from '../wire/errors.ts';
import { firstEventStatus } from '../wire/stream-error.ts';
import { withModel } from '../wire/with-model.ts';
import { beginCall, type CallRefused } from './begin-call.ts';
import type { CallContext } from './call-context.ts';
import type { Channel } from './channel.ts';
import type { JournalEntry } from './journal-entry.ts';
import { relay } from './relay.ts';

/** One call and where its answer goes. */
export interface Exchange {
  call: ModelCall;
  response: ServerResponse;
  /** Nobody waits for the answer any more. */
  gone: AbortSignal;
  hideUsage: boolean;
  /** As the request names it. */
  model: string;
}

/** What an attempt is made for. */
export interface AttemptOf {
  channel: Channel;
  turnId: string | null;
  exchange: Exchange;
  /** How often this call was sent before, to whomever. */
  earlier: number;
  /** Counts the attempt from now on. */
  counts(meter: MeteredCall): void;
}

/** What came of sending a call to an upstream once. */
export type Attempt =
  /** The client has its answer, or is gone. */
  | { ended: 'answered'; outcome: CallOutcome; cost: bigint | null }
  /** It cost nothing and may be served another time or elsewhere; the client was told nothing. */
  | { ended: 'failed'; outcome: CallOutcome; failure: Failure; reply: ModelReply }
  /** The provider refuses the org's own key; the client was told nothing. */
  | { ended: 'key_refused'; reply: ModelReply }
  /** It may not be sent. */
  | { ended: 'not_sent'; refused: CallRefused };

/**
 * Sends a call to one upstream once: takes what it may cost from the caps, writes it down, sends it,
 * passes the answer on and settles. Throws `JournalUnavailable` when it could not be written down.
 */
export async function attemptCall(
  context: CallContext,
  served: ServedBy,
  of: AttemptOf,
): Promise<Attempt> {
  const { upstream, model } = served;
  const { channel, turnId, exchange } = of;
  const { route } = exchange.call;
  const asked =
    model === exchange.model
      ? exchange
      : withBody({ ...exchange, model }, withModel(exchange.call.body, model));
  const meter = new MeteredCall(route.name, asked.call.body.length);
  of.counts(meter);
  const begun = performance.now();
  let entry: JournalEntry | null = null;
  let settled = false;
  let outcome: CallOutcome = 'failed_here';
  try {
    let sent = asked;
    if (route.billed) {
      const begin = await beginCall(context, { channel, turnId }, served, asked, meter);
      if ('refusal' in begin) {
        outcome = 'refused_here';
        return { ended: 'not_sent', refused: begin };
      }
      entry = begin.entry;
      if (begin.body !== asked.call.body) sent = withBody(asked, begin.body);
    }
    const made = await send(context, served, sent, { meter, entry });
    outcome = made.ended === 'key_refused' ? 'own_key_refused' : made.outcome;
    if (made.ended !== 'answered') return made;
    await settle(context, entry);
    settled = true;
    return { ended: 'answered', outcome: made.outcome, cost: entry === null ? 0n : entry.cost };
  } catch (error) {
    if (entry === null) meter.notSent();
    if (error instanceof JournalUnavailable) outcome = 'refused_here';
    throw error;
  } finally {
    if (!settled) await settle(context, entry);
    if (entry?.exceeded === true) {
      context.metrics.budgets.exceeded.inc({ upstream: upstream.id });
      context.log.error({ call: entry.id }, 'a provider counted more than the limits it was sent');
    }
    context.metrics.ended(route.family, upstream.id, outcome);
    // Of a call that went well the usage has it all: its line costs as much as its metering.
    const level = outcome === 'complete' ? 'debug' : 'info';
    if (context.log.isLevelEnabled(level)) {
      const line = {
        channel: channel.id,
        call: entry?.id ?? null,
        session: channel.sessionId,
        turn: turnId,
        route: route.name,
        upstream: upstream.id,
        outcome,
        attempt: of.earlier + 1,
        ms: Math.round(performance.now() - begun),
      };
      context.log[level](route.billed ? { ...line, ...meter.booked() } : line, 'call');
    }
  }
}

function withBody(exchange: Exchange, body: Buffer): Exchange {
  return { ...exchange, call: { ...exchange.call, body } };
}

/** Settled twice is settled once. */
async function settle({ log }: CallContext, entry: JournalEntry | null): Promise<void> {
  try {
    await entry?.settle();
  } catch (error) {
    log.error({ err: error, call: entry?.id }, 'the cost of a call is not on disk yet');
  }
}

type Sent =
  | { ended: 'answered'; outcome: CallOutcome }
  | Extract<Attempt, { ended: 'failed' | 'key_refused' }>;

async function send(
  { metrics, log }: CallContext,
  { upstream, key }: ServedBy,
  { call, response, hideUsage, gone }: Exchange,
  { meter, entry }: { meter: MeteredCall; entry: JournalEntry | null },
): Promise<Sent> {
  const sent = performance.now();
  let reply: ModelReply;
  try {
    reply = await upstream.send(call, key, gone);
  } catch (error) {
    if (error instanceof UpstreamError && !error.sent) meter.notSent();
    if (gone.aborted) return { ended: 'answered', outcome: 'client_gone' };
    if (!(error instanceof UpstreamError)) throw error;
    const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
    log.warn({ upstream: upstream.id, code }, 'provider not reached');
    const answer = wholeReply(refuse(call.route.family, 'bad_gateway', error.message));
    if (!error.sent) return failed('unreachable', { status: null, headers: {} }, answer);
    // It may be billed: whether to send it again is for the harness to say.
    const beforeEnd = () => entry?.settle() ?? NOTHING;
    await relay(answer, response, { hideUsage: false, onChunk: () => {}, beforeEnd });
    return { ended: 'answered', outcome: 'unreachable' };
  }
  metrics.firstByte.observe(upstream.id, (performance.now() - sent) / 1000);
  const status = reply.providerStatus ?? reply.status;
  const { headers } = reply;
  meter.answered(status, headers['content-type'] ?? '');
  if (key?.ownId != null && refusesKey(status)) {
    log.warn({ upstream: upstream.id, key: key.ownId, status }, 'own key refused');
    return { ended: 'key_refused', reply };
  }
  if (status >= 400 && isPassing({ status })) {
    return failed('refused_by_provider', { status, headers }, reply);
  }
  let told: { status: number; first: Buffer } | null = null;
  const ending = await relay(reply, response, {
    hideUsage,
    onChunk: (chunk) => meter.push(chunk),
    beforeEnd() {
      meter.end();
      return entry?.settle() ?? NOTHING;
    },
    turnsAway(first) {
      const error = firstEventStatus(first);
      if (error === null || !isPassing({ status: error })) return false;
      told = { status: error, first };
      return true;
    },
  });
  if (told !== null) {
    const { status: error, first } = told as { status: number; first: Buffer };
    const answer = { ...reply, body: Readable.from([first], BYTES) };
    return failed('refused_by_provider', { status: error, headers }, answer);
  }
  if (ending !== 'complete') {
    return { ended: 'answered', outcome: ending === 'gone' ? 'client_gone' : 'cut' };
  }
  const fine = reply.status < 400 && meter.billed;
  return { ended: 'answered', outcome: fine ? 'complete' : 'refused_by_provider' };
}

const BYTES = { objectMode: false };
/** Of a call that is not written down. */
const NOTHING = Promise.resolve();

function failed(outcome: CallOutcome, failure: Failure, reply: ModelReply): Sent {
  return { ended: 'failed', outcome, failure, reply };
}
