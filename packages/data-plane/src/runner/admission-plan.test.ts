import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planAdmission, type Tenant, type Wish } from './admission-plan.ts';
import { RUNNER_LIMITS } from './limits.ts';

function tenant(id: string, bytes: number, more: Partial<Tenant> = {}): Tenant {
  return { id, org: 'a', kind: 'session', bytes, leaving: false, idleSince: 0, ...more };
}

/** An hour after everything was last used. */
function wish(bytes: number, org = 'a', now = 3_600_000): Wish {
  return { org, bytes, now };
}

test('what fits is admitted, what never fits is refused', () => {
  expect(planAdmission(10, [], wish(10))).toEqual({ do: 'admit' });
  expect(planAdmission(10, [tenant('a', 6)], wish(4))).toEqual({ do: 'admit' });
  expect(planAdmission(10, [], wish(11))).toEqual({ do: 'refuse' });
});

test('parked sandboxes go first, then the longest idle session, no more than needed', () => {
  const tenants = [
    tenant('young', 3, { idleSince: 9 }),
    tenant('old', 3, { idleSince: 1 }),
    tenant('slot', 2, { kind: 'slot', idleSince: 20 }),
  ];
  expect(planAdmission(8, tenants, wish(2))).toEqual({ do: 'end', ids: ['slot'] });
  expect(planAdmission(8, tenants, wish(3))).toEqual({ do: 'end', ids: ['slot', 'old'] });
  expect(planAdmission(8, tenants, wish(8))).toEqual({ do: 'end', ids: ['slot', 'old', 'young'] });
});

test('a busy session is never ended, and nothing is ended in vain', () => {
  const tenants = [tenant('busy', 6, { idleSince: null }), tenant('idle', 2)];
  expect(planAdmission(8, tenants, wish(4))).toEqual({ do: 'wait', until: null });
  expect(planAdmission(8, tenants, wish(2))).toEqual({ do: 'end', ids: ['idle'] });
});

test('memory that is about to come back is waited for', () => {
  const tenants = [tenant('going', 4, { leaving: true, idleSince: null }), tenant('idle', 4)];
  expect(planAdmission(8, tenants, wish(4))).toEqual({ do: 'wait', until: null });
  expect(planAdmission(8, tenants, wish(8))).toEqual({ do: 'end', ids: ['idle'] });
});

test('of several orgs the one that holds most gives first', () => {
  const tenants = [
    tenant('b-old', 2, { org: 'b', idleSince: 1 }),
    tenant('a-1', 2, { idleSince: 7 }),
    tenant('a-2', 2, { idleSince: 8 }),
    tenant('a-busy', 2, { idleSince: null }),
  ];
  expect(planAdmission(8, tenants, wish(2, 'c'))).toEqual({ do: 'end', ids: ['a-1'] });
  expect(planAdmission(8, tenants, wish(4, 'c'))).toEqual({ do: 'end', ids: ['a-1', 'a-2'] });
  expect(planAdmission(8, tenants, wish(6, 'c'))).toEqual({
    do: 'end',
    ids: ['a-1', 'a-2', 'b-old'],
  });
});

test('an org keeps what it has just used against one that holds as much', () => {
  const kept = RUNNER_LIMITS.keptForOthersMs;
  const tenants = [tenant('b', 2, { org: 'b', idleSince: 5 }), tenant('a', 2, { idleSince: null })];
  const asked = (org: string, now: number) => planAdmission(4, tenants, wish(2, org, now));
  expect(asked('a', 6)).toEqual({ do: 'wait', until: 5 + kept });
  expect(asked('a', 5 + kept)).toEqual({ do: 'end', ids: ['b'] });
  expect(asked('b', 6)).toEqual({ do: 'end', ids: ['b'] });
  // Who holds nothing yet does not wait for what another does not use.
  expect(asked('c', 6)).toEqual({ do: 'end', ids: ['b'] });
});

const tenants = fc.array(
  fc.record({
    id: fc.uuid(),
    org: fc.constantFrom('a', 'b', 'c'),
    kind: fc.constantFrom('session' as const, 'slot' as const),
    bytes: fc.integer({ min: 1, max: 10 }),
    leaving: fc.boolean(),
    idleSince: fc.option(fc.integer({ min: 0, max: 100 })),
  }),
  { maxLength: 12 },
);

test('a plan ends only what may be ended, makes exactly enough room and wastes none', () => {
  fc.assert(
    fc.property(tenants, fc.integer({ min: 1, max: 40 }), fc.nat(40), (all, budget, needed) => {
      const plan = planAdmission(budget, all, wish(needed));
      const used = all.reduce((sum, { bytes }) => sum + bytes, 0);
      if (plan.do === 'admit') expect(used + needed).toBeLessThanOrEqual(budget);
      if (plan.do === 'refuse') expect(needed).toBeGreaterThan(budget);
      if (plan.do !== 'end') return;
      const ended = all.filter(({ id }) => plan.ids.includes(id));
      for (const one of ended) {
        expect(one.leaving).toBe(false);
        expect(one.idleSince).not.toBeNull();
      }
      const coming = all.filter(({ leaving }) => leaving).reduce((s, { bytes }) => s + bytes, 0);
      const freed = ended.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(used - coming - freed + needed).toBeLessThanOrEqual(budget);
      const last = all.find(({ id }) => id === plan.ids.at(-1));
      expect(used - coming - freed + (last?.bytes ?? 0) + needed).toBeGreaterThan(budget);
    }),
  );
});
