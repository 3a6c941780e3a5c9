import { type Price, readPrice } from '@karta/protocol';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { STALE_MS } from '../limits.ts';
import type { Demand } from './demand.ts';
import { LeaseBook, type Refused } from './lease-book.ts';
import { ALL_MS, IDLE_MS, KNOWN_MS, SETTLE_WAIT_MS, SKEW_MS } from './limits.ts';
import { Reservation } from './reservation.ts';
import { PaperClock } from './testing/paper-clock.ts';
import { type PaperCap, PaperControl, paperSubject } from './testing/paper-control.ts';

let control: PaperControl;
let clock: PaperClock;
let forgotten: string[];
let book: LeaseBook;
let starts = 0;

const log = { warn: () => {}, error: () => {} };

function open(earlier: ReadonlyMap<string, bigint> = new Map()): LeaseBook {
  const totals = { earlier: () => earlier, forget: (id: string) => void forgotten.push(id) };
  const epochs = { next: async (least: number) => Math.max(++starts, least) };
  return new LeaseBook({ control, totals, epochs, log, clock });
}

beforeEach(() => {
  control = new PaperControl();
  clock = new PaperClock();
  forgotten = [];
  starts = 0;
  book = open();
});

/** One picodollar a token of input, two a token of output. */
const PRICE: Price = readPrice({ input: '1', cache_read: '1', cache_write: '1', output: '2' });

function demand(
  input: number,
  wantedOutput: number,
  minOutput = Math.min(10, wantedOutput),
): Demand {
  return { input, longCache: false, minOutput, wantedOutput, price: PRICE };
}

const reserve = (wanted: Demand, subject = paperSubject()) =>
  book.reserve({ subject, grant: 'og', unpriced: 'refuse' }, wanted);

function granted(reserved: Reservation | Refused): Reservation {
  if (!(reserved instanceof Reservation)) throw new Error(`refused: ${reserved.refused}`);
  return reserved;
}

const amounts = (input: number, output: number) => ({
  input_tokens: BigInt(input),
  output_tokens: BigInt(output),
  cost: BigInt(input) + 2n * BigInt(output),
});

/** The call is over, and its usage event arrives. */
function settle(reservation: Reservation, input: number, output: number): void {
  control.book(reservation.settle(amounts(input, output)));
}

function pass(ms: number): void {
  control.now += ms;
  clock.pass(ms);
}

/** Time goes by while work waits for it. */
async function meanwhile<T>(work: Promise<T>, stepMs = 500): Promise<T> {
  let over = false;
  const done = work.finally(() => {
    over = true;
  });
  while (!over) {
    for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
    pass(stepMs);
  }
  return done;
}

const cap = (
  metric: PaperCap['metric'],
  limit: bigint,
  more: Partial<PaperCap> = {},
): PaperCap => ({
  ...{ id: `bud_${metric}`, metric, limit },
  ...more,
});

describe('a reservation', () => {
  it('is what the call wants where nothing rules it', async () => {
    const reservation = granted(await reserve(demand(100, 5_000)));
    expect(reservation).toMatchObject({ output: 5_000, ruled: false });
    expect(reservation.charges()).toEqual([]);
  });

  it('takes from a block, which the next call finds at hand', async () => {
    control.caps.push(cap('output_tokens', 1_000_000n));
    const first = granted(await reserve(demand(100, 1_000)));
    expect(first.charges()).toMatchObject([{ budget_id: 'bud_output_tokens', amount: '1000' }]);
    const asked = control.asks;
    granted(await reserve(demand(100, 1_000)));
    expect(control.asks).toBe(asked);
  });

  it.each<[PaperCap['metric'], bigint, number]>([
    ['output_tokens', 300n, 300],
    ['total_tokens', 400n, 300],
    ['cost', 700n, 300],
    ['input_tokens', 100n, 1_000],
  ])('is lowered to what a cap on %s still covers', async (metric, limit, output) => {
    control.caps.push(cap(metric, limit));
    expect(granted(await reserve(demand(100, 1_000))).output).toBe(output);
  });

  it('is as low as the tightest of several caps, and takes from all', async () => {
    control.caps.push(cap('cost', 10_000n), cap('total_tokens', 150n), cap('output_tokens', 90n));
    const reservation = granted(await reserve(demand(100, 1_000)));
    expect(reservation.output).toBe(50);
    const charges = reservation.charges().map(({ budget_id, amount }) => [budget_id, amount]);
    expect(Object.fromEntries(charges)).toEqual({
      ...{ bud_cost: '200', bud_total_tokens: '150', bud_output_tokens: '50' },
    });
  });

  it('is refused when a cap does not cover the input and the least output', async () => {
    control.caps.push(cap('total_tokens', 109n));
    expect(await reserve(demand(100, 1_000))).toMatchObject({
      refused: 'exhausted',
      cap: { budget_id: 'bud_total_tokens', limit: '109', left: '109' },
    });
    control.caps.splice(0, 1, cap('total_tokens', 110n));
    expect(granted(await reserve(demand(100, 1_000))).output).toBe(10);
  });

  it('gives back what the call did not take, at once', async () => {
    control.caps.push(cap('output_tokens', 100n));
    const first = granted(await reserve(demand(1, 100)));
    settle(first, 1, 3);
    expect(granted(await reserve(demand(1, 100))).output).toBe(97);
  });

  it('waits for calls under way before it is refused', async () => {
    control.caps.push(cap('output_tokens', 100n));
    const first = granted(await reserve(demand(1, 100)));
    const second = reserve(demand(1, 50));
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    settle(first, 1, 60);
    expect(granted(await meanwhile(second)).output).toBe(40);
  });

  it('is refused after that wait', async () => {
    control.caps.push(cap('output_tokens', 100n));
    granted(await reserve(demand(1, 100)));
    const begun = control.now;
    expect(await meanwhile(reserve(demand(1, 50)))).toMatchObject({ refused: 'exhausted' });
    expect(control.now - begun).toBeGreaterThanOrEqual(SETTLE_WAIT_MS);
  });

  it('is not waited for by who has gone away', async () => {
    control.caps.push(cap('output_tokens', 100n));
    granted(await reserve(demand(1, 100)));
    const gone = new AbortController();
    const waiting = book.reserve(
      { subject: paperSubject(), grant: 'og', unpriced: 'refuse', signal: gone.signal },
      demand(1, 50),
    );
    gone.abort();
    expect(await waiting).toEqual({ refused: 'unavailable' });
  });

  it('of a model without a price is refused under a cap on cost, or counts its tokens alone', async () => {
    control.caps.push(cap('cost', 100n), cap('output_tokens', 100n));
    const unpriced = { ...demand(10, 50), price: null };
    expect(await reserve(unpriced)).toMatchObject({ refused: 'unpriced' });
    const counted = await book.reserve(
      { subject: paperSubject(), grant: 'og', unpriced: 'count' },
      unpriced,
    );
    expect(granted(counted).charges()).toMatchObject([{ budget_id: 'bud_output_tokens' }]);
  });

  it('counts each object of a cap by itself', async () => {
    control.caps.push(cap('output_tokens', 100n, { scopeOf: ({ end_user }) => end_user }));
    const of = (user: string | null) => reserve(demand(1, 80), paperSubject(`s_${user}`, user));
    expect(granted(await of('ann')).output).toBe(80);
    expect(granted(await of('bob')).output).toBe(80);
    expect(granted(await of(null)).ruled).toBe(false);
    expect(granted(await of('ann')).output).toBe(20);
  });

  it('takes what a provider counts beyond its limit in full', async () => {
    control.caps.push(cap('output_tokens', 1_000n));
    const reservation = granted(await reserve(demand(1, 100)));
    expect(reservation.settle(amounts(1, 250))).toMatchObject([{ amount: '250' }]);
    expect(reservation.settle(amounts(1, 1))).toMatchObject([{ amount: '250' }]);
  });

  it('asks once for many calls of a subject that come together', async () => {
    control.caps.push(cap('output_tokens', 1_000_000n));
    await Promise.all(Array.from({ length: 64 }, () => reserve(demand(1, 100))));
    expect(control.asks).toBeLessThanOrEqual(6);
  });
});

describe('a block', () => {
  it('is given back when nothing is taken from it for a while', async () => {
    const daily = cap('output_tokens', 1_000n);
    control.caps.push(daily);
    settle(granted(await reserve(demand(1, 100))), 1, 40);
    pass(IDLE_MS);
    await book.tend();
    expect(control.left(daily, 'all', 0)).toBe(960n);
    expect(forgotten).toEqual([...control.leases.keys()]);
  });

  it('gives back what calls that outlived it did not take', async () => {
    const daily = cap('output_tokens', 1_000n);
    control.caps.push(daily);
    const slow = granted(await reserve(demand(1, 100)));
    pass(IDLE_MS);
    await book.tend();
    expect(control.left(daily, 'all', 0)).toBe(900n);
    settle(slow, 1, 30);
    await book.tend();
    expect(control.left(daily, 'all', 0)).toBe(970n);
  });

  it('is not taken from shortly before it expires, and goes on when it is reported', async () => {
    control.caps.push(cap('output_tokens', 1_000n));
    granted(await reserve(demand(1, 100)));
    control.up = false;
    pass(control.leaseMs - SKEW_MS - 1);
    expect(granted(await reserve(demand(1, 1))).output).toBe(1);
    control.up = true;
    await book.tend();
    control.up = false;
    pass(control.leaseMs - SKEW_MS - 1);
    expect(granted(await reserve(demand(1, 1))).output).toBe(1);
    pass(1);
    expect(await reserve(demand(1, 1))).toEqual({ refused: 'unavailable' });
  });

  it('expires by the clock that says more', async () => {
    control.caps.push(cap('output_tokens', 1_000n));
    granted(await reserve(demand(1, 100)));
    control.up = false;
    clock.skew += control.leaseMs;
    expect(await reserve(demand(1, 1))).toEqual({ refused: 'unavailable' });
  });

  it('is of the window in which its calls begin', async () => {
    const windowMs = 100_000;
    control.now = 1_000_000_000_000;
    control.caps.push(cap('output_tokens', 100n, { windowMs }));
    const before = granted(await reserve(demand(1, 100)));
    pass(windowMs);
    const after = granted(await reserve(demand(1, 100)));
    const [old] = before.settle(amounts(1, 100));
    const [fresh] = after.settle(amounts(1, 100));
    expect(Date.parse(fresh?.window_start ?? '') - Date.parse(old?.window_start ?? '')).toBe(
      windowMs,
    );
    expect(before.at).toBeLessThan(Date.parse(fresh?.window_start ?? ''));
    expect(after.at).toBeGreaterThanOrEqual(Date.parse(fresh?.window_start ?? ''));
  });

  it.each(['reservation', 'check'])(
    'that ends while the answer is on its way rules no %s of the next window',
    async (what) => {
      control.caps.push(cap('total_tokens', 400n, { windowMs: 10_000 }));
      settle(granted(await reserve(demand(100, 300))), 100, 300);
      pass(9_999);
      const lease = control.lease.bind(control);
      control.lease = async (body) => {
        const answer = await lease(body);
        pass(1);
        return answer;
      };
      if (what === 'check') {
        expect(await book.check({ subject: paperSubject(), grant: 'og' })).toBeNull();
      } else expect(granted(await reserve(demand(100, 250))).output).toBe(250);
    },
  );

  it.each(['reservation', 'check'])(
    'that closes while the answer is on its way is told of before a %s is refused',
    async (what) => {
      control.caps.push(cap('output_tokens', 400n));
      settle(granted(await reserve(demand(100, 400))), 100, 100);
      pass(IDLE_MS - 1);
      const lease = control.lease.bind(control);
      control.lease = async (body) => {
        const answer = await lease(body);
        pass(1);
        void book.tend();
        return answer;
      };
      if (what === 'check') {
        expect(await book.check({ subject: paperSubject(), grant: 'og' })).toBeNull();
      } else expect(granted(await reserve(demand(100, 400))).output).toBe(300);
    },
  );

  it('is recalled when something changed, and what was not taken returns before the next ask', async () => {
    const daily = cap('output_tokens', 1_000n);
    control.caps.push(daily);
    granted(await reserve(demand(1, 100)));
    daily.limit = 150n;
    book.invalidate(['org_1']);
    expect(granted(await reserve(demand(1, 100))).output).toBe(50);
  });

  it('that has expired gives its rest back before more is asked for', async () => {
    control.caps.push(cap('output_tokens', 500n));
    settle(granted(await reserve(demand(1, 100))), 1, 100);
    pass(10 * control.leaseMs);
    expect(granted(await reserve(demand(1, 400))).output).toBe(400);
  });

  it('of an earlier start is told before anything is leased, whatever was never named returns', async () => {
    const daily = cap('output_tokens', 1_000n);
    control.caps.push(daily);
    granted(await reserve(demand(1, 600)));
    const [first] = control.leases.keys();
    book = open(new Map([[first ?? '', 250n]]));
    expect(granted(await reserve(demand(1, 1_000))).output).toBe(750);
    expect(forgotten).toEqual([first]);
  });
});

describe('without the control plane', () => {
  it('blocks at hand serve, lowered to what they hold', async () => {
    control.caps.push(cap('output_tokens', 1_000n));
    settle(granted(await reserve(demand(1, 200))), 1, 200);
    control.up = false;
    pass(KNOWN_MS);
    expect(granted(await reserve(demand(1, 2_000))).output).toBe(600);
    expect(await reserve(demand(1, 100))).toEqual({ refused: 'unavailable' });
  });

  it('a subject of which nothing is known is refused', async () => {
    control.up = false;
    expect(await reserve(demand(1, 100))).toEqual({ refused: 'unavailable' });
  });

  it('a subject without a cap goes on for a while', async () => {
    granted(await reserve(demand(1, 100)));
    control.up = false;
    pass(STALE_MS - 1);
    expect(granted(await reserve(demand(1, 100))).ruled).toBe(false);
    pass(1);
    expect(await reserve(demand(1, 100))).toEqual({ refused: 'unavailable' });
  });

  it('many who ask at once are all answered, however long it takes while it goes on', async () => {
    control.caps.push(cap('output_tokens', 100_000n));
    const lease = control.lease.bind(control);
    control.lease = async (body) => {
      await clock.pause(500, new AbortController().signal);
      return lease(body);
    };
    const asked = Array.from({ length: 64 }, (_, index) =>
      reserve(demand(1, 100), paperSubject(`sess_${index}`)),
    );
    const reserved = await meanwhile(Promise.all(asked), 250);
    expect(reserved.filter((one) => !(one instanceof Reservation))).toEqual([]);
  });

  it('an answer that never comes is not waited for', async () => {
    control.lease = () => new Promise(() => {});
    expect(await meanwhile(reserve(demand(1, 100)))).toEqual({ refused: 'unavailable' });
  });

  it('doors that were replaced lease nothing any more', async () => {
    control.caps.push(cap('output_tokens', 1_000n));
    granted(await reserve(demand(1, 100)));
    await control.register(2);
    await book.tend();
    pass(KNOWN_MS);
    pass(control.leaseMs);
    expect(await reserve(demand(1, 100))).toEqual({ refused: 'unavailable' });
    await book.tend();
    expect(await reserve(demand(1, 100))).toEqual({ refused: 'unavailable' });
  });

  it('a start that arrives late replaces nobody', async () => {
    control.caps.push(cap('output_tokens', 1_000n));
    starts = 6;
    granted(await reserve(demand(1, 100)));
    await control.register(6);
    await book.tend();
    pass(control.leaseMs);
    granted(await reserve(demand(1, 100)));
  });

  it('doors that have lost their count go on above what the control plane knows', async () => {
    control.caps.push(cap('output_tokens', 1_000n));
    await control.register(41);
    granted(await reserve(demand(1, 100)));
    expect([...control.leases.values()].map(({ epoch }) => epoch)).toEqual([42]);
  });

  it('a control plane that was set back is told the epoch anew, and leases anew', async () => {
    const tokens = cap('output_tokens', 1_000n);
    control.caps.push(tokens);
    starts = 6;
    const open = granted(await reserve(demand(1, 100)));
    control.setBack(3);
    const stale = control.leases.size;
    pass(KNOWN_MS);
    await book.tend();
    await book.tend();
    expect(stale).toBe(0);
    const anew = granted(await reserve(demand(1, 100)));
    expect(anew.charges()[0]?.lease_id).not.toBe(open.charges()[0]?.lease_id);
    open.settle(amounts(1, 60));
    settle(anew, 1, 50);
    await book.close();
    expect(control.left(tokens, 'all', 0)).toBe(950n);
  });

  it('what the control plane alone holds since it was set back returns in time', async () => {
    const tokens = cap('output_tokens', 1_000n);
    control.caps.push(tokens);
    settle(granted(await reserve(demand(1, 100))), 1, 100);
    await book.close();
    for (const lease of control.leases.values())
      Object.assign(lease, { closed: false, taken: 0n, returned: 0n });
    expect(control.left(tokens, 'all', 0)).toBeLessThan(900n);
    pass(ALL_MS);
    await book.tend();
    expect(control.left(tokens, 'all', 0)).toBe(900n);
  });
});

describe('whether a turn may begin', () => {
  const check = () => book.check({ subject: paperSubject(), grant: 'og' });

  it('is so while no cap is used up', async () => {
    expect(await check()).toBeNull();
    control.caps.push(cap('cost', 10n));
    book.invalidate(['org_1']);
    expect(await check()).toBeNull();
    granted(await reserve(demand(4, 3, 1)));
    expect(await check()).toBeNull();
  });

  it('is not so once one is, until it is raised', async () => {
    const daily = cap('cost', 10n);
    control.caps.push(daily);
    settle(granted(await reserve(demand(4, 3, 1))), 4, 3);
    expect(await check()).toMatchObject({ refused: 'exhausted', cap: { left: '0' } });
    daily.limit = 11n;
    book.invalidate(['org_1']);
    expect(await check()).toBeNull();
  });

  it('is unknown when nobody can say', async () => {
    control.up = false;
    expect(await check()).toEqual({ refused: 'unavailable' });
  });
});

describe('property', () => {
  const step = fc.record({
    kind: fc.constantFrom(
      'reserve',
      'reserve',
      'settle',
      'settle',
      'pass',
      'tend',
      'cut',
      'recall',
    ),
    pick: fc.nat(),
    input: fc.nat(40),
    output: fc.integer({ min: 1, max: 60 }),
    actual: fc.nat(60),
  });
  const metrics = fc.constantFrom<PaperCap['metric'][]>(
    'input_tokens',
    'output_tokens',
    'total_tokens',
    'cost',
  );

  it('nothing is taken that is not leased, and no call is refused that every cap covers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(metrics, fc.bigInt(1n, 900n)), { minLength: 1, maxLength: 4 }),
        fc.bigInt(1n, 4n),
        fc.array(step, { maxLength: 60 }),
        async (caps, share, steps) => {
          control = new PaperControl();
          clock = new PaperClock();
          control.share = share;
          for (const [index, [metric, limit]] of caps.entries()) {
            control.caps.push({ id: `bud_${index}`, metric, limit });
          }
          book = open();
          let running: { reservation: Reservation; input: number; output: number }[] = [];
          for (const { kind, pick, input, output, actual } of steps) {
            if (kind === 'reserve') {
              const wanted = demand(input, output, Math.min(output, 5));
              const asking = new AbortController();
              const reserving = book.reserve(
                { subject: paperSubject(), grant: 'og', unpriced: 'refuse', signal: asking.signal },
                wanted,
              );
              const reserved = await meanwhile(reserving, 4_000);
              if (reserved instanceof Reservation) {
                expect(reserved.output).toBeGreaterThanOrEqual(wanted.minOutput);
                expect(reserved.output).toBeLessThanOrEqual(wanted.wantedOutput);
                running.push({ reservation: reserved, input, output: reserved.output });
              } else if (reserved.refused === 'exhausted') {
                const least = amounts(wanted.input, wanted.minOutput);
                const lacking = control.caps.some(
                  (each) => unreserved(each, running) < of(each, least),
                );
                expect(lacking).toBe(true);
              } else {
                expect(control.up).toBe(false);
              }
            } else if (kind === 'settle' && running.length > 0) {
              const [call] = running.splice(pick % running.length, 1);
              if (call === undefined) continue;
              settle(call.reservation, call.input, Math.min(actual, call.output));
            } else if (kind === 'pass') pass(pick % 90_000);
            else if (kind === 'tend') await book.tend();
            else if (kind === 'cut') control.up = !control.up;
            else if (kind === 'recall') book.invalidate(['org_1']);
            for (const lease of control.leases.values()) {
              expect(lease.consumed + lease.returned).toBeLessThanOrEqual(lease.amount);
            }
          }
          control.up = true;
          for (const call of running) settle(call.reservation, call.input, 0);
          running = [];
          await book.close();
          await book.tend();
          for (const each of control.caps) {
            expect(control.left(each, 'all', 0)).toBe(each.limit - control.spent(each.id));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  function of(
    { metric }: PaperCap,
    { input_tokens, output_tokens, cost }: ReturnType<typeof amounts>,
  ) {
    if (metric === 'total_tokens') return input_tokens + output_tokens;
    return { input_tokens, output_tokens, cost }[metric];
  }

  /** What of a cap neither a settled nor a running call has taken. */
  function unreserved(
    each: PaperCap,
    running: readonly { input: number; output: number }[],
  ): bigint {
    const held = running.reduce(
      (sum, { input, output }) => sum + of(each, amounts(input, output)),
      0n,
    );
    return each.limit - control.spent(each.id) - held;
  }
});
