import { KartaError, type RateFigure, type RateLimitScope } from '@karta/protocol';
import { Buckets } from './buckets.ts';
import type { AppliedLimit, RateRules } from './rate-rules.ts';
import type { RateObject } from './rate-subject.ts';
import { TurnCounts } from './turn-counts.ts';

/** How far beyond its limit a subject's tokens are remembered: it never waits longer than this. */
const TOKEN_DEBT_MINUTES = 60;
/** When to come again for want of a free turn, in seconds: nobody knows when one ends. */
const TURN_RETRY_S = 1;

const SCOPE_WORDS: Readonly<Record<RateLimitScope, string>> = {
  org: 'org',
  project: 'project',
  api_key: 'API key',
  embed_key: 'embed key',
  end_user: 'end user',
};

export interface RateLimiterParts {
  rules(): RateRules;
  /** A clock that never goes back, in milliseconds. */
  now?: () => number;
  /** Hears of each refusal. */
  refused?(figure: RateFigure): void;
}

/**
 * Holds subjects to the rates that the control plane has told this node. Everything is in memory and
 * decided at once. Refusals are `KartaError('rate_limited')` with the seconds after which the same
 * would be let through, if nobody else came; `tells`: they name the limit.
 */
export class RateLimiter {
  readonly #parts: RateLimiterParts;
  readonly #requests: Buckets;
  readonly #tokens: Buckets;
  readonly #turns = new TurnCounts();

  constructor(parts: RateLimiterParts) {
    this.#parts = parts;
    const { now = () => performance.now() } = parts;
    this.#requests = new Buckets({ now, minutes: 1 });
    this.#tokens = new Buckets({ now, minutes: TOKEN_DEBT_MINUTES });
  }

  /** Counts a request on each of these, or refuses it and counts it on none. */
  takeRequest(objects: readonly RateObject[], tells: boolean): void {
    const limits = this.#limits(objects, 'requests_per_minute');
    if (limits.length === 0) return;
    this.#requireUnit(this.#requests, limits, 'requests_per_minute', tells);
    for (const { of, limit } of limits) this.#requests.take(of, limit.share, 1);
  }

  /** Refuses while one of these has used its tokens up. */
  requireTokens(objects: readonly RateObject[], tells: boolean): void {
    const limits = this.#limits(objects, 'tokens_per_minute');
    this.#requireUnit(this.#tokens, limits, 'tokens_per_minute', tells);
  }

  /** Counts the tokens of a model call that was booked. */
  spent(objects: readonly RateObject[], tokens: number): void {
    for (const { of, limit } of this.#limits(objects, 'tokens_per_minute')) {
      this.#tokens.take(of, limit.share, tokens);
    }
  }

  /** Refuses while as many turns of one of these run as may. */
  requireTurn(objects: readonly RateObject[], tells: boolean): void {
    for (const { of, limit } of this.#limits(objects, 'concurrent_turns')) {
      if (this.#turns.running(of) < limit.share) continue;
      throw this.#refusal('concurrent_turns', { of, limit }, TURN_RETRY_S, tells);
    }
  }

  /** As `requireTurn`, and counts the turn until what this answers is called. */
  enterTurn(objects: readonly RateObject[], tells: boolean): () => void {
    this.requireTurn(objects, tells);
    return this.joinTurn(objects);
  }

  /** Counts a turn that was accepted before, whatever the limit says. */
  joinTurn(objects: readonly RateObject[]): () => void {
    return this.#turns.enter(objects);
  }

  #limits(objects: readonly RateObject[], figure: RateFigure): Limited[] {
    const rules = this.#parts.rules();
    return objects.flatMap((of) => {
      const limit = rules.of(of, figure);
      return limit === null ? [] : [{ of, limit }];
    });
  }

  /** The longest wait is told: after less another limit would refuse it still. */
  #requireUnit(buckets: Buckets, limits: readonly Limited[], figure: RateFigure, tells: boolean) {
    let longest = 0;
    let by: Limited | null = null;
    for (const limited of limits) {
      const wait = buckets.wait(limited.of, limited.limit.share);
      if (wait <= longest) continue;
      longest = wait;
      by = limited;
    }
    if (by !== null) throw this.#refusal(figure, by, Math.ceil(longest / 1_000), tells);
  }

  #refusal(figure: RateFigure, { of, limit }: Limited, retryAfter: number, tells: boolean) {
    this.#parts.refused?.(figure);
    if (!tells) return new KartaError('rate_limited', undefined, { retryAfter });
    const { rule } = limit;
    const what = `${figure.replaceAll('_', ' ')} of the ${SCOPE_WORDS[of.scope]} ${of.id}`;
    const detail = `The ${what} are limited to ${limit.figure}.`;
    const shown = { id: rule.id, set_by: rule.set_by, scope: of.scope, scope_id: of.id };
    return new KartaError('rate_limited', detail, {
      retryAfter,
      extra: { reason: figure, rate_limit: { ...shown, [figure]: limit.figure } },
    });
  }
}

interface Limited {
  of: RateObject;
  limit: AppliedLimit;
}
