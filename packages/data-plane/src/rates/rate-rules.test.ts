import type { RateFigures, RateLimitRule } from '@karta/protocol';
import { expect, test } from 'vitest';
import { rateRules } from './rate-rules.ts';

const NONE: RateFigures = {
  requests_per_minute: null,
  tokens_per_minute: null,
  concurrent_turns: null,
};

function rule(
  set_by: RateLimitRule['set_by'],
  scope_id: string | null,
  figures: Partial<RateFigures>,
): RateLimitRule {
  const id = `${set_by} ${scope_id ?? 'each'}`;
  return { id, set_by, scope: 'end_user', scope_id, ...NONE, ...figures };
}

const ann = { org: 'org_1', scope: 'end_user', id: 'ann' } as const;
const bob = { ...ann, id: 'bob' };

test('a limit on one stands in for the limit on each, figure by figure', () => {
  const rules = rateRules(
    [
      {
        org_id: 'org_1',
        limits: [
          rule('org', null, { requests_per_minute: 10, concurrent_turns: 1 }),
          rule('org', 'ann', { requests_per_minute: 500 }),
        ],
      },
    ],
    1,
  );
  expect(rules.of(ann, 'requests_per_minute')).toMatchObject({ figure: 500, share: 500 });
  expect(rules.of(ann, 'concurrent_turns')).toMatchObject({ figure: 1 });
  expect(rules.of(bob, 'requests_per_minute')).toMatchObject({ figure: 10 });
  expect(rules.of(bob, 'tokens_per_minute')).toBeNull();
  expect(rules.of({ ...ann, scope: 'api_key' }, 'requests_per_minute')).toBeNull();
  expect(rules.of({ ...ann, org: 'org_2' }, 'requests_per_minute')).toBeNull();
});

test("an operator's limit rules beside the org's own, and one for an org in place of that for all", () => {
  const rules = rateRules(
    [
      { org_id: null, limits: [rule('operator', null, { requests_per_minute: 100 })] },
      {
        org_id: 'org_1',
        limits: [
          rule('org', null, { requests_per_minute: 1_000 }),
          rule('org', 'bob', { requests_per_minute: 3 }),
        ],
      },
      { org_id: 'org_2', limits: [rule('operator', null, { requests_per_minute: 300 })] },
    ],
    1,
  );
  const found = (object: typeof ann | typeof bob) => {
    const limit = rules.of(object, 'requests_per_minute');
    return [limit?.figure, limit?.rule.set_by];
  };
  expect(found(ann)).toEqual([100, 'operator']);
  expect(found(bob)).toEqual([3, 'org']);
  expect(found({ ...ann, org: 'org_2' } as never)).toEqual([300, 'operator']);
  expect(found({ ...ann, org: 'org_3' } as never)).toEqual([100, 'operator']);
});

test('several nodes share a limit, and none is left without', () => {
  const limits = [rule('org', null, { requests_per_minute: 10, concurrent_turns: 2 })];
  const rules = rateRules([{ org_id: 'org_1', limits }], 3);
  expect(rules.of(ann, 'requests_per_minute')).toMatchObject({ figure: 10, share: 3 });
  expect(rules.of(ann, 'concurrent_turns')).toMatchObject({ figure: 2, share: 1 });
});
