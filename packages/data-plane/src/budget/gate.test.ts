import { KartaError, type SpendCheckAnswer, type SpendSubject } from '@karta/protocol';
import { expect, it } from 'vitest';
import { DoorsError } from '../runner/doors/doors-client.ts';
import { createSpendGate } from './gate.ts';

const SUBJECT: SpendSubject = {
  org_id: 'org_1',
  project_id: 'proj_1',
  session_id: 'sess_1',
  api_key_id: 'key_1',
  embed_key_id: null,
  end_user: 'ann',
};
const UNCAPPED: SpendCheckAnswer = { allowed: true, capped: false, valid_ms: 60_000 };

/** A gate before doors that answer what they are given, with what they were asked. */
function gateOn(answer: () => SpendCheckAnswer | Promise<SpendCheckAnswer>) {
  const asked: unknown[] = [];
  let now = 0;
  const gate = createSpendGate({
    doors: {
      async checkSpend(question) {
        asked.push(question);
        return answer();
      },
    },
    grantOf: () => 'og1',
    now: () => now,
  });
  return {
    gate,
    asked,
    after: (ms: number) => {
      now += ms;
    },
  };
}

it('asks once for an org without a cap, until the answer is old or a budget has changed', async () => {
  const { gate, asked, after } = gateOn(() => UNCAPPED);
  await gate.require(SUBJECT, true);
  expect(asked).toEqual([{ subject: SUBJECT, org_grant: 'og1' }]);
  expect(gate.require(SUBJECT, true)).toBeUndefined();
  after(60_000);
  await gate.require(SUBJECT, true);
  expect(gate.require(SUBJECT, true)).toBeUndefined();
  gate.forget(['org_1']);
  await gate.require(SUBJECT, true);
  expect(asked).toHaveLength(3);
});

it('does not remember what was told before a change that was announced meanwhile', async () => {
  const late = Promise.withResolvers<SpendCheckAnswer>();
  const { gate, asked } = gateOn(() => late.promise);
  const asking = gate.require(SUBJECT, true);
  gate.forget(['org_1']);
  late.resolve(UNCAPPED);
  await asking;
  await gate.require(SUBJECT, true);
  expect(asked).toHaveLength(2);
});

it('asks each time where there are caps', async () => {
  const { gate, asked } = gateOn(() => ({ allowed: true, capped: true, valid_ms: 60_000 }));
  await gate.require(SUBJECT, true);
  await gate.require(SUBJECT, true);
  expect(asked).toHaveLength(2);
});

it('refuses with the cap and when it resets; a session token learns the latter only', async () => {
  const end = new Date(Date.now() + 90_000).toISOString();
  const budget = {
    budget_id: 'bud_1',
    scope: 'end_user',
    scope_id: 'ann',
    metric: 'output_tokens',
    window: 'day',
    window_start: new Date(0).toISOString(),
    window_end: end,
    limit: '100',
    left: '0',
  } as const;
  const { gate } = gateOn(() => ({ allowed: false, budget }));
  const refusal = async (tells: boolean) => {
    const error = await Promise.resolve(gate.require(SUBJECT, tells)).catch((error) => error);
    if (!KartaError.is(error)) throw new Error('it was let through');
    return error;
  };
  const told = await refusal(true);
  expect(told).toMatchObject({
    code: 'budget_exhausted',
    message: `The cap on output tokens of the end user ann is used up. It resets at ${end}.`,
    extra: { reason: 'cap_reached', resets_at: end, budget: { id: 'bud_1', limit: '100' } },
  });
  expect(told.retryAfter).toBeGreaterThan(80);
  expect(told.retryAfter).toBeLessThanOrEqual(90);
  const hidden = await refusal(false);
  expect(hidden.message).toBe(`The budget is used up. It resets at ${end}.`);
  expect(hidden.extra).toEqual({ reason: 'cap_reached', resets_at: end });
});

it('is unavailable where the doors cannot tell', async () => {
  const { gate } = gateOn(() => Promise.reject(new DoorsError('gone', 503)));
  await expect(gate.require(SUBJECT, true)).rejects.toMatchObject({
    code: 'control_unavailable',
    retryAfter: 5,
  });
});

it('refuses an org whose subscription is not paid before it asks anybody', async () => {
  let unpaid = true;
  let asked = 0;
  const gate = createSpendGate({
    doors: {
      async checkSpend() {
        asked += 1;
        return UNCAPPED;
      },
    },
    grantOf: () => 'og1',
    unpaid: (orgId) => unpaid && orgId === 'org_1',
  });
  await expect(gate.require(SUBJECT, true)).rejects.toMatchObject({
    code: 'subscription_unpaid',
    extra: { reason: 'subscription_unpaid' },
  });
  // Whoever holds a session token is no business partner: they learn that nothing is left.
  await expect(gate.require(SUBJECT, false)).rejects.toMatchObject({ code: 'budget_exhausted' });
  expect(asked).toBe(0);
  await gate.require({ ...SUBJECT, org_id: 'org_2' }, true);
  unpaid = false;
  await gate.require(SUBJECT, true);
  expect(asked).toBe(2);
});
