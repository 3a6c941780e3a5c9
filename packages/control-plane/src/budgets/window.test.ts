import fc from 'fast-check';
import { expect, it } from 'vitest';
import { windowAt } from './window.ts';

const moment = fc.date({
  min: new Date('2000-01-01T00:00:00Z'),
  max: new Date('2100-01-01T00:00:00Z'),
  noInvalidDate: true,
});

it('holds every moment, and ends where the next begins', () => {
  fc.assert(
    fc.property(moment, fc.constantFrom('day' as const, 'month' as const), (at, period) => {
      const { start, end } = windowAt(period, at);
      if (end === null) throw new Error('it never ends');
      expect(start <= at && at < end).toBe(true);
      expect(windowAt(period, new Date(end.getTime() - 1)).start).toEqual(start);
      expect(windowAt(period, end).start).toEqual(end);
    }),
  );
});

it.each([
  ['day', '2028-02-29T23:59:59.999Z', '2028-02-29T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
  ['month', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
  ['total', '2026-12-31T23:59:59.999Z', '1970-01-01T00:00:00.000Z', null],
] as const)('of a %s is that of UTC', (period, at, start, end) => {
  const window = windowAt(period, new Date(at));
  expect([window.start.toISOString(), window.end?.toISOString() ?? null]).toEqual([start, end]);
});
