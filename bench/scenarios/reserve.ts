import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_PAYER, priceOf, type SpendSubject, UNPRICED } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { pino } from 'pino';
import type { Demand } from '../../packages/doors/src/budgets/demand.ts';
import { LeaseBook } from '../../packages/doors/src/budgets/lease-book.ts';
import { Reservation } from '../../packages/doors/src/budgets/reservation.ts';
import {
  PaperControl,
  paperSubject,
} from '../../packages/doors/src/budgets/testing/paper-control.ts';
import { Journal } from '../../packages/doors/src/journal/journal.ts';
import type { BegunCall } from '../../packages/doors/src/journal/line.ts';
import type { Scenario } from '../scenario.ts';
import { median, quantile } from '../statistics.ts';

const DECISION_US = 20;
const RESERVATIONS_PER_S = 50_000;
/** Calls that wait for their reservation at the same time: a tenth of a second of the aim. */
const AT_ONCE = 5_000;
const MODEL = 'claude-sonnet-5';

/**
 * What a budget costs a call of one hot org on one node: the decision alone, by three caps at once,
 * and with the reservation on disk before the call may be sent. The control plane is on paper, in
 * this process, and its time is counted.
 */
export const reserve: Scenario = {
  name: 'reserve',
  target: `decision ≤ ${DECISION_US} µs median; ≥ ${RESERVATIONS_PER_S} reservations/s on disk`,
  async run({ quick }) {
    const rounds = quick ? 20_000 : 200_000;
    const folder = await mkdtemp(join(tmpdir(), 'karta-bench-reserve-'));
    try {
      const decided = await decisions(rounds);
      const { perSecond, cpuUs } = await onDisk(folder, rounds);
      return {
        rows: [
          {
            figure: `decision, median / p99 (n=${rounds})`,
            value: `${median(decided).toFixed(1)} / ${quantile(decided, 0.99).toFixed(1)} µs`,
          },
          {
            figure: `reservations flushed to disk, ${AT_ONCE} at once`,
            value: `${Math.round(perSecond)}/s`,
          },
          {
            figure: 'processor time of each, its settlement and the call itself included',
            value: `${cpuUs.toFixed(1)} µs`,
          },
        ],
        met: median(decided) <= DECISION_US && perSecond >= RESERVATIONS_PER_S,
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

const log = pino({ level: 'silent' });

/** A node of an org with three caps that nobody reaches. */
function openBook(journal: Pick<Journal, 'earlier' | 'forget'>): LeaseBook {
  const control = new PaperControl();
  control.share = 4n;
  control.caps.push(
    { id: 'bud_cost', metric: 'cost', limit: 10n ** 24n },
    { id: 'bud_tokens', metric: 'total_tokens', limit: 10n ** 18n },
    { id: 'bud_user', metric: 'cost', limit: 10n ** 24n, scopeOf: ({ end_user }) => end_user },
  );
  const epochs = { next: async (least: number) => least };
  return new LeaseBook({ control, totals: journal, epochs, log });
}

const price = priceOf(BUILT_IN_PRICE_BOOK, 'anthropic', MODEL, Date.now());
const tokens = { input: 60_000, minOutput: 256, wantedOutput: 32_000 };
const demand: Demand = { ...tokens, longCache: false, price };
const actual = { input_tokens: 9_000n, output_tokens: 700n, cost: 10_000_000_000n };

async function take(book: LeaseBook, subject: SpendSubject): Promise<Reservation> {
  const reserved = await book.reserve({ subject, grant: 'og', unpriced: 'refuse' }, demand);
  if (reserved instanceof Reservation) return reserved;
  throw new Error(`refused: ${reserved.refused}`);
}

/** Microseconds of each decision. */
async function decisions(rounds: number): Promise<number[]> {
  const book = openBook({ earlier: () => new Map(), forget: () => {} });
  const subject = paperSubject('sess_1', 'ann');
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    const reservation = await take(book, subject);
    times.push((performance.now() - began) * 1_000);
    reservation.settle(actual);
  }
  return times;
}

/**
 * Reservations a second that were on disk before their call may be sent. Each call is then over at
 * once and took nothing, so that memory holds what runs and nothing else.
 */
async function onDisk(folder: string, rounds: number) {
  const journal = new Journal(folder, log);
  await journal.recover();
  const book = openBook(journal);
  const subject = paperSubject('sess_1', 'ann');
  let next = 0;
  const caller = async () => {
    while (next < rounds) {
      next += 1;
      const reservation = await take(book, subject);
      const call = callOf(next, subject, reservation);
      await journal.begin(call, true);
      reservation.settle({ input_tokens: 0n, output_tokens: 0n, cost: 0n });
      await journal.settle(call, null);
    }
  };
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  const perSecond = (rounds / (performance.now() - began)) * 1_000;
  const { user, system } = process.cpuUsage(cpu);
  await journal.close();
  return { perSecond, cpuUs: (user + system) / rounds };
}

/** The line of a call, as the doors write it. */
function callOf(number: number, subject: SpendSubject, reservation: Reservation): BegunCall {
  const { org_id, project_id, session_id } = subject;
  return {
    id: `call_${number.toString(16).padStart(24, '0')}`,
    org_id,
    project_id,
    session_id,
    turn_id: 'turn_0123456789abcdef01234567',
    payer: NO_PAYER,
    org_grant: null,
    provider: 'anthropic',
    model: MODEL,
    input_tokens: demand.input,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: reservation.output,
    estimated: true,
    paid_by: 'platform',
    spend: {
      ...UNPRICED,
      cost: reservation.amounts.cost.toString(),
      price_version: BUILT_IN_PRICE_BOOK.version,
      charges: reservation.charges(),
    },
    at: new Date(reservation.at).toISOString(),
  };
}
