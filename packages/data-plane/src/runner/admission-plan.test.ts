import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planAdmission, type Tenant } from './admission-plan.ts';

function tenant(id: string, bytes: number, more: Partial<Tenant> = {}): Tenant {
  return { id, kind: 'session', bytes, leaving: false, idleSince: 0, ...more };
}

test('what fits is admitted, what never fits is refused', () => {
  expect(planAdmission(10, [], 10)).toEqual({ do: 'admit' });
  expect(planAdmission(10, [tenant('a', 6)], 4)).toEqual({ do: 'admit' });
  expect(planAdmission(10, [], 11)).toEqual({ do: 'refuse' });
});

test('parked sandboxes go first, then the longest idle session, no more than needed', () => {
  const tenants = [
    tenant('young', 3, { idleSince: 9 }),
    tenant('old', 3, { idleSince: 1 }),
    tenant('slot', 2, { kind: 'slot', idleSince: 20 }),
  ];
  expect(planAdmission(8, tenants, 2)).toEqual({ do: 'end', ids: ['slot'] });
  expect(planAdmission(8, tenants, 3)).toEqual({ do: 'end', ids: ['slot', 'old'] });
  expect(planAdmission(8, tenants, 8)).toEqual({ do: 'end', ids: ['slot', 'old', 'young'] });
});

test('a busy session is never ended, and nothing is ended in vain', () => {
  const tenants = [tenant('busy', 6, { idleSince: null }), tenant('idle', 2)];
  expect(planAdmission(8, tenants, 4)).toEqual({ do: 'wait' });
  expect(planAdmission(8, tenants, 2)).toEqual({ do: 'end', ids: ['idle'] });
});

test('memory that is about to come back is waited for', () => {
  const tenants = [tenant('going', 4, { leaving: true, idleSince: null }), tenant('idle', 4)];
  expect(planAdmission(8, tenants, 4)).toEqual({ do: 'wait' });
  expect(planAdmission(8, tenants, 8)).toEqual({ do: 'end', ids: ['idle'] });
});

const tenants = fc.array(
  fc.record({
    id: fc.uuid(),
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
      const plan = planAdmission(budget, all, needed);
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
