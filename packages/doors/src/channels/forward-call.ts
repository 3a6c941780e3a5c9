import { setTimeout as pause } from 'node:timers/promises';
import type { TurnRefusal } from '@karta/protocol';
import { JournalUnavailable } from '../journal/journal.ts';
import { fallbackServedBy } from '../keys/fallback-key.ts';
import type { ServedBy } from '../keys/serving-key.ts';
import type { ModelNames } from '../metering/fallback-count.ts';
import { type MeteredCall, NOT_BILLED } from '../metering/metered-call.ts';
import type { CallBooking } from '../metering/turn-ledger.ts';
import type { ModelReply } from '../upstreams/port.ts';
import { waitBefore } from '../upstreams/retry.ts';
import { refuse } from '../wire/errors.ts';
import { type Attempt, attemptCall, type Exchange } from './attempt.ts';
import type { CallRefused } from './begin-call.ts';
import type { CallContext } from './call-context.ts';
import type { Channel } from './channel.ts';
import { relay } from './relay.ts';

/**
 * Has a live call answered: by its own upstream, tried again where that may help, then by the
 * models that the application names for such a case. The client is told of one of them alone, and
 * the turn has one call on its books. Each attempt has a reservation and a line of its own.
 */
export function forwardCall(
  context: CallContext,
  channel: Channel,
  first: ServedBy,
  exchange: Exchange,
): Promise<void> {
  return new ForwardedCall(context, channel, first, exchange).answer();
}

type Failed = Extract<Attempt, { ended: 'failed' }>;

class ForwardedCall {
  readonly #context: CallContext;
  readonly #channel: Channel;
  readonly #exchange: Exchange;
  readonly #first: ServedBy;
  readonly #booking: CallBooking | null;
  readonly #gone: AbortSignal;
  #latest: MeteredCall | null = null;
  #attempts = 0;
  #cost: bigint | null = 0n;
  /** A key of the org's own was tried. */
  #own = false;

  constructor(context: CallContext, channel: Channel, first: ServedBy, exchange: Exchange) {
    this.#context = context;
    this.#channel = channel;
    this.#exchange = exchange;
    this.#first = first;
    const counted = { booked: () => this.#latest?.booked() ?? NOT_BILLED };
    this.#booking = exchange.call.route.billed ? channel.ledger.begin(counted) : null;
    this.#gone = exchange.gone;
  }

  async answer(): Promise<void> {
    try {
      const failed = await this.#answerBy(this.#first, null);
      if (failed !== null) await this.#fallBack(failed);
    } catch (error) {
      if (!(error instanceof JournalUnavailable)) throw error;
      this.#context.log.error({ err: error }, 'a call was refused');
      this.#refuse('overloaded', 'The server cannot take calls now.');
    } finally {
      const settled = this.#booking?.finish(this.#cost);
      if (settled !== undefined) this.#context.metrics.settled(settled, this.#turnId);
    }
  }

  get #turnId(): string | null {
    return this.#booking?.turnId ?? null;
  }

  /** Tries the models that stand in, in their order; the last answer is what the client gets. */
  async #fallBack(failure: Failed): Promise<void> {
    const { route } = this.#exchange.call;
    let failed = failure;
    for (const name of route.billed ? this.#channel.fallback : []) {
      if (this.#gone.aborted || this.#context.draining()) break;
      const served = await fallbackServedBy(this.#context, this.#channel, route, name);
      if (served === null || this.#leavesOwnKeys(served) || isSame(served, this.#first)) continue;
      this.#context.metrics.retries.inc({ upstream: served.upstream.id, reason: 'fallback' });
      const outcome = await this.#answerBy(served, failed);
      if (outcome === null) return;
      failed = outcome;
    }
    await this.#tell(failed.reply);
  }

  /**
   * Has one upstream answer, tried again while that may help. `null`: the client has its answer.
   * A call that may not be sent there leaves it at what `before` said, where there is one.
   */
  async #answerBy(served: ServedBy, before: Failed | null): Promise<Failed | null> {
    const begun = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const made = await this.#attempt(served);
      if (made.ended === 'answered') {
        this.#cost = made.cost;
        if (made.outcome === 'complete') this.#answeredBy(served, before !== null);
        return null;
      }
      if (made.ended === 'not_sent') {
        if (before !== null) return before;
        this.#refuseForMoney(made.refused);
        return null;
      }
      if (made.ended === 'key_refused') return this.#keyRefused(served, made.reply, before);
      const elapsedMs = performance.now() - begun;
      const wait = this.#mayRetry(served) ? waitBefore(made.failure, { attempt, elapsedMs }) : null;
      if (wait === null) return made;
      this.#context.metrics.retries.inc({ upstream: served.upstream.id, reason: 'retry' });
      if (!(await this.#paused(wait))) return null;
      if (this.#context.draining()) return made;
    }
  }

  #attempt(served: ServedBy): Promise<Attempt> {
    if (served.key?.ownId != null) this.#own = true;
    const earlier = this.#attempts;
    this.#attempts += 1;
    return attemptCall(this.#context, served, {
      channel: this.#channel,
      turnId: this.#turnId,
      exchange: this.#exchange,
      earlier,
      counts: (meter) => {
        this.#latest = meter;
      },
    });
  }

  /** The embedded model fails only where a test has it fail. */
  #mayRetry({ upstream }: ServedBy): boolean {
    return upstream.id !== 'demo' && !this.#context.draining();
  }

  /** False when the client went away meanwhile. */
  async #paused(ms: number): Promise<boolean> {
    await pause(ms, undefined, { signal: this.#gone }).catch((error: unknown) => {
      if (!this.#gone.aborted) throw error;
    });
    return !this.#gone.aborted;
  }

  #answeredBy(served: ServedBy, fallback: boolean): void {
    this.#booking?.answered();
    if (fallback) this.#booking?.fellBack(namesOf(this.#first), namesOf(served));
  }

  async #keyRefused(
    served: ServedBy,
    reply: ModelReply,
    before: Failed | null,
  ): Promise<Failed | null> {
    // The org may have replaced it by now.
    this.#context.orgs?.keys.forget([this.#channel.orgId]);
    if (served.onRefusedKey !== null) {
      reply.body.destroy();
      return this.#answerBy(served.onRefusedKey, before);
    }
    this.#booking?.refused(ownKeyRefusal(served));
    await this.#tell(reply);
    return null;
  }

  /** Never from a key of the org's own to the platform's, unless the org allows it. */
  #leavesOwnKeys({ key, platformAllowed }: ServedBy): boolean {
    return this.#own && key?.ownId == null && !platformAllowed;
  }

  #tell(reply: ModelReply): Promise<unknown> {
    return relay(reply, this.#exchange.response, { hideUsage: false, onChunk: () => {} });
  }

  /** Answers a call that may not be sent; for money the turn ends with it. */
  #refuseForMoney({ refusal, message }: CallRefused): void {
    if (refusal !== 'invalid_request') {
      this.#booking?.refused({ code: refusal, message, provider: null });
    }
    this.#refuse(refusal === 'control_unavailable' ? 'overloaded' : refusal, message);
  }

  #refuse(refusal: Parameters<typeof refuse>[1], message: string): void {
    const { response, call } = this.#exchange;
    const answer = refuse(call.route.family, refusal, message);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

/** Why the turn ends when an org's own key is refused. */
function ownKeyRefusal({ upstream }: ServedBy): TurnRefusal {
  const message = `${upstream.id} refused the org's own key.`;
  return { code: 'byok_key_rejected', message, provider: upstream.id };
}

function namesOf({ upstream, model }: ServedBy): ModelNames {
  return { provider: upstream.id, model };
}

function isSame(a: ServedBy, b: ServedBy): boolean {
  return a.upstream.id === b.upstream.id && a.model === b.model && a.key?.ownId === b.key?.ownId;
}
