import {
  KartaError,
  type RateFigure,
  type RateFigures,
  type RateLimitRule,
  type RateLimitScope,
} from '@karta/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RateLimiter } from './rate-limiter.ts';
import { rateRules } from './rate-rules.ts';
import { objectsOf, type RateSubject } from './rate-subject.ts';

function limiter(limits: Partial<Record<RateLimitScope, Partial<RateFigures>>>) {
  const clock = { now: 0 };
  const refused: RateFigure[] = [];
  const none = { requests_per_minute: null, tokens_per_minute: null, concurrent_turns: null };
  const rules: RateLimitRule[] = Object.entries(limits).map(([scope, figures]) => ({
    id: `rlm_${scope}`,
    set_by: 'org',
    scope: scope as RateLimitScope,
    scope_id: null,
    ...none,
    ...figures,
  }));
  const table = rateRules([{ org_id: 'org_1', limits: rules }], 1);
  const rates = new RateLimiter({
    rules: () => table,
    now: () => clock.now,
    refused: (figure) => void refused.push(figure),
  });
  return { rates, clock, refused };
}

const of = (more: Partial<RateSubject> = {}) =>
  objectsOf({
    org_id: 'org_1',
    project_id: null,
    api_key_id: 'key_1',
    embed_key_id: null,
    end_user: null,
    ...more,
  });

/** The refusal, or `null`. */
function refusal(act: () => void): KartaError | null {
  try {
    act();
    return null;
  } catch (error) {
    if (KartaError.is(error)) return error;
    throw error;
  }
}

test('requests are refused with the seconds after which the next is let through', () => {
  const { rates, clock, refused } = limiter({ api_key: { requests_per_minute: 20 } });
  for (let index = 0; index < 20; index += 1) rates.takeRequest(of(), true);
  const error = refusal(() => rates.takeRequest(of(), true));
  expect(error).toMatchObject({
    code: 'rate_limited',
    retryAfter: 3,
    extra: {
      reason: 'requests_per_minute',
      rate_limit: {
        id: 'rlm_api_key',
        set_by: 'org',
        scope: 'api_key',
        scope_id: 'key_1',
        requests_per_minute: 20,
      },
    },
  });
  expect(error?.message).toBe('The requests per minute of the API key key_1 are limited to 20.');
  rates.takeRequest(of({ api_key_id: 'key_2' }), true);
  clock.now += 2_999;
  expect(refusal(() => rates.takeRequest(of(), true))).toMatchObject({ retryAfter: 1 });
  clock.now += 1;
  rates.takeRequest(of(), true);
  expect(refused).toEqual(['requests_per_minute', 'requests_per_minute']);
});

test('an end user learns only when to come again', () => {
  const { rates } = limiter({ end_user: { requests_per_minute: 1 } });
  const ann = of({ end_user: 'ann' });
  rates.takeRequest(ann, false);
  const error = refusal(() => rates.takeRequest(ann, false));
  expect(error).toMatchObject({ message: 'Too many requests', retryAfter: 60, extra: {} });
});

test('a request that one limit refuses is counted by none, and the longest wait is told', () => {
  const { rates } = limiter({
    api_key: { requests_per_minute: 2 },
    end_user: { requests_per_minute: 1 },
  });
  const ann = of({ end_user: 'ann' });
  rates.takeRequest(ann, true);
  for (let index = 0; index < 5; index += 1) {
    expect(refusal(() => rates.takeRequest(ann, true))?.retryAfter).toBe(60);
  }
  rates.takeRequest(of({ end_user: 'bob' }), true);
  expect(refusal(() => rates.takeRequest(of({ end_user: 'eve' }), true))?.retryAfter).toBe(30);
});

test('tokens are owed: nothing is refused until they are used up, then until they are back', () => {
  const { rates, clock } = limiter({ org: { tokens_per_minute: 600 } });
  rates.spent(of(), 599);
  rates.requireTokens(of(), true);
  rates.spent(of(), 601);
  expect(refusal(() => rates.requireTokens(of(), true))).toMatchObject({
    retryAfter: 61,
    extra: { reason: 'tokens_per_minute' },
  });
  clock.now += 60_100;
  rates.requireTokens(of(), true);
  rates.spent(of(), 10_000_000);
  expect(refusal(() => rates.requireTokens(of(), true))?.retryAfter).toBeLessThanOrEqual(3_600);
});

test('turns are refused while as many run, and a place is given back once', () => {
  const { rates } = limiter({ end_user: { concurrent_turns: 2 } });
  const ann = of({ end_user: 'ann' });
  const first = rates.enterTurn(ann, true);
  rates.enterTurn(ann, true);
  rates.enterTurn(of({ end_user: 'bob' }), true);
  expect(refusal(() => rates.requireTurn(ann, true))).toMatchObject({
    retryAfter: 1,
    extra: { reason: 'concurrent_turns' },
  });
  first();
  first();
  rates.enterTurn(ann, true);
  expect(refusal(() => rates.enterTurn(ann, true))).not.toBeNull();
  rates.joinTurn(ann);
});

test('a turn is refused exactly while as many of the same user run', () => {
  const step = fc.record({ user: fc.nat(3), enters: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { rates } = limiter({ end_user: { concurrent_turns: 3 } });
      const running = new Map<number, (() => void)[]>();
      for (const { user, enters } of steps) {
        const mine = running.get(user) ?? [];
        running.set(user, mine);
        if (!enters) {
          mine.pop()?.();
          continue;
        }
        const whose = of({ end_user: String(user) });
        const before = mine.length;
        const error = refusal(() => mine.push(rates.enterTurn(whose, true)));
        expect(error !== null).toBe(before >= 3);
      }
    }),
  );
});
