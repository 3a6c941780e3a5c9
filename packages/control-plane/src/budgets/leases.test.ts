import { isoTime } from '@karta/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { LEASE_MS } from './grant-leases.ts';
import { sweepLeases } from './sweep-leases.ts';
import { charged, LeaseGround } from './testing/lease-ground.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database?.close());

const start = () => LeaseGround.start(database);

describe('a block of a budget', () => {
  it('is a share of what is left, and near the cap no more than a call needs', async () => {
    const ground = await start();
    await ground.budget({ cap: 1_000n });
    const epoch = await ground.register('node_a');
    const ask = async (minimum: number, wanted: number) => {
      const [budget] = (await ground.lease('node_a', epoch, [minimum, wanted])).budgets;
      return [budget?.lease?.amount ?? null, budget?.left];
    };
    expect(await ask(10, 100)).toEqual(['100', '900']);
    expect(await ask(10, 900)).toEqual(['225', '675']);
    expect(await ask(600, 600)).toEqual(['600', '75']);
    expect(await ask(60, 900)).toEqual(['60', '15']);
    expect(await ask(16, 900)).toEqual([null, '15']);
    // Who only looks gets no block.
    expect(await ask(0, 0)).toEqual([null, '15']);
  });

  it('holds its amount until the node tells what was taken of it', async () => {
    const ground = await start();
    const budget = await ground.budget({ cap: 100n });
    const epoch = await ground.register('node_a');
    const [leased] = (await ground.lease('node_a', epoch, [80, 80])).budgets;
    const lease = leased?.lease?.lease_id ?? '';
    // Long after its time: only the node knows what was taken.
    ground.now = new Date(ground.now.getTime() + 10 * LEASE_MS);
    expect((await ground.lease('node_a', epoch, [30, 30])).budgets[0]?.lease).toBeNull();
    await ground.report('node_a', epoch, [{ lease_id: lease, taken: 50, closed: true }]);
    expect(await ground.windows()).toMatchObject([{ spent: 0, held: 50 }]);
    // The last calls have settled for less.
    await ground.report('node_a', epoch, [{ lease_id: lease, taken: 40, closed: true }]);
    // A report that was overtaken changes nothing.
    await ground.report('node_a', epoch, [{ lease_id: lease, taken: 70, closed: false }]);
    await ground.report('node_a', epoch, [{ lease_id: lease, taken: 50, closed: true }]);
    expect(await ground.windows()).toMatchObject([{ spent: 0, held: 40 }]);
    const event = ground.event(40, { spend: charged(lease, 40, budget) });
    await ground.book('node_a', [event]);
    await ground.book('node_a', [event]);
    expect(await ground.windows()).toMatchObject([{ spent: 40, held: 0 }]);
  });

  it('is told of by its own node only', async () => {
    const ground = await start();
    const budget = await ground.budget({ cap: 100n });
    const epoch = await ground.register('node_a');
    const other = await ground.register('node_b');
    const [leased] = (await ground.lease('node_a', epoch, [80, 80])).budgets;
    const lease = leased?.lease?.lease_id ?? '';
    const told = [{ lease_id: lease, taken: 0, closed: true }];
    expect(await ground.report('node_b', other, told)).toEqual({ unknown: [lease], renewed: [] });
    await ground.book('node_b', [ground.event(5, { spend: charged(lease, 80, budget) })]);
    expect(await ground.windows()).toMatchObject([{ spent: 5, held: 80 }]);
  });

  it('goes on while nobody starves by it', async () => {
    const ground = await start();
    await ground.budget({ cap: 1_000n });
    const epoch = await ground.register('node_a');
    const ask = async (wanted: number) =>
      (await ground.lease('node_a', epoch, [wanted, wanted])).budgets[0]?.lease?.lease_id ?? '';
    const first = await ask(300);
    const open = [{ lease_id: first, taken: 0, closed: false }];
    ground.now = new Date(ground.now.getTime() + 1_000);
    expect(await ground.report('node_a', epoch, open)).toEqual({
      unknown: [],
      renewed: [
        { lease_id: first, expires_at: isoTime(new Date(ground.now.getTime() + LEASE_MS)) },
      ],
    });
    await ask(500);
    expect((await ground.report('node_a', epoch, open)).renewed).toEqual([]);
    // Most of it is taken: what it keeps from others is little.
    const used = [{ lease_id: first, taken: 200, closed: false }];
    expect((await ground.report('node_a', epoch, used)).renewed).toHaveLength(1);
  });

  it('returns when the node has never heard of it, and only then', async () => {
    const ground = await start();
    await ground.budget({ cap: 1_000n });
    const epoch = await ground.register('node_a');
    const ask = async () =>
      (await ground.lease('node_a', epoch, [100, 100])).budgets[0]?.lease?.lease_id ?? '';
    const known = await ask();
    await ask();
    const held = async () => (await ground.windows())[0]?.held;
    const all = [{ lease_id: known, taken: 30, closed: false }];
    await ground.report('node_a', epoch, all, { complete: true });
    // Its answer may still be on its way.
    expect(await held()).toBe(200);
    ground.now = new Date(ground.now.getTime() + LEASE_MS + 1);
    await ask();
    expect(await held()).toBe(300);
    await ground.report('node_a', epoch, all, { complete: true });
    // What was said may have been on its way for as long as a signed request is believed.
    expect(await held()).toBe(300);
    ground.now = new Date(ground.now.getTime() + 90_000);
    await ground.report('node_a', epoch, all, { complete: true });
    expect(await held()).toBe(200);
  });

  it('stays with the latest start, in whatever order starts arrive', async () => {
    const ground = await start();
    await ground.budget({ cap: 100n });
    expect(await ground.register('node_late', 5)).toBe(5);
    expect(await ground.register('node_late', 4)).toBe(5);
    expect(await ground.register('node_late', 5)).toBe(5);
    const [leased] = (await ground.lease('node_late', 5, [10, 10])).budgets;
    expect(leased?.lease?.amount).toBe('10');
    await expect(ground.lease('node_late', 4, [1, 1])).rejects.toMatchObject({
      code: 'stale_epoch',
    });
  });

  it('of a node that is gone is held, or returns on the word of an operator', async () => {
    const ground = await start();
    const budget = await ground.budget({ cap: 1_000n });
    await expect(ground.retire('node_unmet', 'return')).rejects.toMatchObject({
      code: 'not_found',
    });
    const epoch = await ground.register('node_gone');
    const [leased] = (await ground.lease('node_gone', epoch, [100, 100])).budgets;
    const id = leased?.lease?.lease_id ?? '';
    await ground.report('node_gone', epoch, [{ lease_id: id, taken: 30, closed: false }]);
    const held = async () => (await ground.windows())[0]?.held;
    await expect(ground.retire('node_gone', 'return')).rejects.toMatchObject({
      code: 'node_alive',
    });
    // What was refused has fenced nobody.
    await ground.report('node_gone', epoch, [{ lease_id: id, taken: 40, closed: false }]);
    ground.now = new Date(ground.now.getTime() + LEASE_MS + 1);
    expect(await ground.retire('node_gone', 'hold')).toEqual({ node_id: 'node_gone', blocks: 1 });
    expect(await held()).toBe(100);
    await expect(ground.lease('node_gone', epoch, [1, 1])).rejects.toMatchObject({
      code: 'stale_epoch',
    });
    await ground.retire('node_gone', 'return');
    expect(await held()).toBe(40);
    // Its usage may still come by another way, and it may come back itself.
    await ground.book('node_gone', [ground.event(25, { spend: charged(id, 25, budget) })]);
    expect(await ground.windows()).toMatchObject([{ spent: 25, held: 15 }]);
    const back = await ground.register('node_gone', epoch + 3);
    await ground.report('node_gone', back, [{ lease_id: id, taken: 25, closed: true }]);
    expect(await ground.windows()).toMatchObject([{ spent: 25, held: 0 }]);
  });

  it('belongs to the start of the doors that asked for it', async () => {
    const ground = await start();
    await ground.budget({ cap: 100n });
    const before = await ground.register('node_a');
    const ask = (epoch: number) => ground.lease('node_a', epoch, [10, 10]);
    const [taken, rest] = await Promise.all(
      [0, 1].map(async () => (await ask(before)).budgets[0]?.lease?.lease_id ?? ''),
    );
    const after = await ground.register('node_a');
    expect(after).toBe(before + 1);
    await expect(ask(before)).rejects.toMatchObject({ code: 'stale_epoch' });
    const said = [{ lease_id: taken ?? '', taken: 4, closed: true }];
    await expect(ground.report('node_a', before, said)).rejects.toMatchObject({
      code: 'stale_epoch',
    });
    await expect(ground.lease('node_new', 1, [1, 1])).rejects.toMatchObject({
      code: 'stale_epoch',
    });
    expect(await ground.windows()).toMatchObject([{ held: 20 }]);
    await ground.report('node_a', after, said);
    expect(await ground.windows()).toMatchObject([{ held: 14 }]);
    expect(rest).not.toBe('');
    await ground.report('node_a', after, [], { earlier_told: true });
    expect(await ground.windows()).toMatchObject([{ held: 4 }]);
  });
});

describe('what counts', () => {
  it('is what was spent in the window before the budget was made, whoever books meanwhile', async () => {
    const ground = await start();
    const month = new Date(Date.UTC(ground.now.getUTCFullYear(), ground.now.getUTCMonth(), 1));
    const events = Array.from({ length: 40 }, (_, index) =>
      ground.event(1, { end_user: `user-${index % 3}`, session_id: `sess_${index % 5}` }),
    );
    const booking = events.map((event) => ground.book('node_a', [event]));
    const budgets = Promise.all([
      ground.budget({ scope: 'end_user', scope_id: null, period: 'total' }),
      ground.budget({ scope: 'session', scope_id: 'sess_2', period: 'month' }),
      ground.budget({ scope: 'org', period: 'day' }),
    ]);
    await Promise.all([...booking, budgets]);
    await ground.book('node_a', events.slice(0, 5));
    expect(month.getTime()).toBeLessThanOrEqual(ground.now.getTime());
    expect(await ground.windows()).toMatchObject([
      { subject: ground.orgId, spent: 40 },
      { subject: 'sess_2', spent: 8 },
      { subject: 'user-0', spent: 14 },
      { subject: 'user-1', spent: 13 },
      { subject: 'user-2', spent: 13 },
    ]);
  });

  it('is counted by the metric, on what covers the call, in the window in which it began', async () => {
    const ground = await start();
    ground.now = new Date('2026-11-30T23:59:59Z');
    await ground.budget({ scope: 'api_key', scope_id: 'key_1', metric: 'cost', period: 'day' });
    await ground.budget({ scope: 'project', scope_id: 'proj_2', metric: 'input_tokens' });
    await ground.budget({ scope: 'embed_key', scope_id: null, metric: 'total_tokens' });
    const spend = { ...ground.event(0).spend, cost: '1234567890123' };
    const tokens = { input_tokens: 7, output_tokens: 5, spend };
    const at = '2026-11-30T23:59:59.999Z';
    await ground.book('node_a', [
      ground.event(0, { ...tokens, at }),
      ground.event(0, { ...tokens, at, mode: 'test' }),
      ground.event(0, { ...tokens, at: '2026-12-01T00:00:00Z', project_id: 'proj_2' }),
      ground.event(0, { ...tokens, at, api_key_id: null, embed_key_id: 'emb_1' }),
    ]);
    const exact = 1_234_567_890_123;
    expect(await ground.windows()).toMatchObject([
      { subject: 'emb_1', spent: 12 },
      { subject: 'key_1', spent: exact },
      { subject: 'key_1', spent: exact },
      { subject: 'proj_2', spent: 7 },
    ]);
  });
});

describe('many nodes at once', () => {
  it('never hold and spend more than the cap, whatever comes late, twice or not at all', {
    timeout: 120_000,
  }, async () => {
    const step = fc.record({
      node: fc.integer({ min: 0, max: 3 }),
      minimum: fc.integer({ min: 0, max: 40 }),
      wanted: fc.integer({ min: 0, max: 200 }),
      user: fc.integer({ min: 0, max: 1 }),
      /** Of the block, in percent: taken, told to be taken, and booked. */
      taken: fc.integer({ min: 0, max: 100 }),
      open: fc.integer({ min: 0, max: 30 }),
      twice: fc.boolean(),
      closes: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 12, maxLength: 24 }), async (steps) => {
        const ground = await start();
        const org = await ground.budget({ cap: 400n });
        await ground.budget({ cap: 250n, scope: 'end_user', scope_id: null });
        const epochs = await Promise.all([0, 1, 2, 3].map((node) => ground.register(`n${node}`)));
        let over = false;
        const watch = async () => {
          const windows = await ground.windows();
          over ||= windows.some(({ spent, held, cap }) => spent + held > cap);
        };
        await Promise.all(
          steps.map(async (one) => {
            const node = `n${one.node}`;
            const epoch = epochs[one.node] ?? 0;
            const end_user = `user-${one.user}`;
            const subject = ground.subject({ end_user });
            const wish = [one.minimum, one.wanted] as const;
            const answer = await ground.lease(node, epoch, wish, subject);
            await watch();
            const leases = answer.budgets.flatMap(({ lease }) => lease ?? []);
            if (leases.length < 2) {
              const unused = leases.map(({ lease_id }) => ({ lease_id, taken: 0, closed: true }));
              await ground.report(node, epoch, unused);
              return;
            }
            const amount = Math.min(...leases.map((lease) => Number(lease.amount)));
            const taken = Math.floor((amount * one.taken) / 100);
            const reserved = Math.min(amount, taken + one.open);
            const told = (of: number, closed: boolean) =>
              leases.map(({ lease_id }) => ({ lease_id, taken: of, closed }));
            const charges = leases.flatMap(({ lease_id }) => charged(lease_id, taken, org).charges);
            const spend = { ...ground.event(0).spend, charges };
            const event = ground.event(taken, { end_user, spend });
            const reporting = ground.report(node, epoch, told(reserved, one.closes));
            await Promise.all([
              reporting,
              ground.book(node, [event]),
              ...(one.twice ? [ground.book(node, [event])] : []),
            ]);
            await watch();
            await ground.report(node, epoch, told(taken, true));
          }),
        );
        await watch();
        expect(over).toBe(false);
        // All is told and booked: nothing is held any more.
        const windows = await ground.windows();
        expect(windows.filter(({ held }) => held > 0)).toEqual([]);
        const [whole, ...users] = windows;
        expect(whole?.spent).toBe(users.reduce((sum, { spent }) => sum + spent, 0));
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });
});

it('what holds nothing any more is not read for a report', async () => {
  const ground = await start();
  const budget = await ground.budget({ cap: 1_000n });
  const epoch = await ground.register('node_a');
  const [leased] = (await ground.lease('node_a', epoch, [10, 100])).budgets;
  await ground.settledLeases(budget, 20_000);
  expect(await ground.reportReads('node_a', epoch, leased?.lease?.lease_id ?? '')).toBe(0);
});

it('what holds nothing any more is dropped in time, and nothing else', async () => {
  const ground = await start();
  const budget = await ground.budget({ cap: 1_000n });
  const epoch = await ground.register('node_a');
  const [unused, taken, open] = await Promise.all(
    [0, 1, 2].map(
      async () => (await ground.lease('node_a', epoch, [10, 10])).budgets[0]?.lease?.lease_id ?? '',
    ),
  );
  const told = (lease_id = '', amount = 0) => ({ lease_id, taken: amount, closed: true });
  await ground.report('node_a', epoch, [told(unused), told(taken, 7)]);
  const left = async () => {
    const rows = await database.database
      .selectFrom('budget_leases')
      .select('id')
      .where('budget_id', '=', budget.id)
      .execute();
    return rows.map(({ id }) => id).sort();
  };
  await sweepLeases(database.database, ground.now);
  expect(await left()).toHaveLength(3);
  const later = new Date(ground.now.getTime() + 60 * 60 * 1000);
  await sweepLeases(database.database, later);
  expect(await left()).toEqual([taken, open].sort());
  await ground.book('node_a', [ground.event(7, { spend: charged(taken ?? '', 7, budget) })]);
  await sweepLeases(database.database, later);
  expect(await left()).toEqual([open]);
});
