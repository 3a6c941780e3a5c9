import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_PAYER, UNPRICED, type Usage, usageOf, usageRecordsAnswer } from '@karta/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JOURNAL_SEGMENT_BYTES, MODEL_NAME_CHARS, RECENT_RECORDS } from '../limits.ts';
import { Journal } from './journal.ts';
import { type BegunCall, decodeLine, encodeLine, recordJson } from './line.ts';

let folder: string;
let warnings: unknown[];
const log = {
  warn: (...said: unknown[]) => void warnings.push(said),
  error: (...said: unknown[]) => void warnings.push(said),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-journal-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function open(): Promise<Journal> {
  const journal = new Journal(folder, log);
  await journal.recover();
  return journal;
}

let calls = 0;
function call(): BegunCall {
  calls += 1;
  return {
    id: `call_${calls}`,
    org_id: 'org_1',
    project_id: 'proj_1',
    session_id: 'sess_1',
    turn_id: 'turn_1',
    payer: NO_PAYER,
    org_grant: null,
    provider: 'demo',
    model: 'm',
    input_tokens: 7,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 0,
    estimated: true,
    paid_by: 'platform',
    spend: UNPRICED,
    at: '2026-01-01T00:00:00.000Z',
  };
}
const usage = (output_tokens: number): Usage =>
  usageOf({ input_tokens: 10, cache_read_tokens: 0, cache_write_tokens: 0, output_tokens });
const cost = (output: number) => ({ usage: usage(output), estimated: false, spend: UNPRICED });

const ids = (records: readonly { id: string }[]) => records.map(({ id }) => id);

async function lastFile(): Promise<string> {
  const names = (await readdir(folder)).sort();
  return join(folder, names.at(-1) ?? '');
}

describe('the usage journal', () => {
  it('tells what was settled until it is acknowledged', async () => {
    const journal = await open();
    const [a, b, c] = [call(), call(), call()];
    for (const one of [a, b, c]) await journal.begin(one);
    await journal.settle(b, cost(2));
    await journal.settle(a, cost(1));
    await journal.settle(c, null);
    const records = await journal.unacknowledged(10);
    expect(records).toMatchObject([
      { seq: 1, id: b.id, input_tokens: 10, output_tokens: 2, estimated: false },
      { seq: 2, id: a.id, output_tokens: 1 },
    ]);
    expect(journal.backlog).toBe(2);
    await journal.acknowledge(1);
    expect(ids(await journal.unacknowledged(10))).toEqual([a.id]);
    await journal.acknowledge(99);
    expect(ids(await journal.unacknowledged(10))).toEqual([a.id]);
    await journal.close();
  });

  it('is the same after the process ended, and goes on counting', async () => {
    const first = await open();
    const [a, b] = [call(), call()];
    for (const one of [a, b]) {
      await first.begin(one);
      await first.settle(one, cost(1));
    }
    await first.acknowledge(1);
    await first.close();
    const second = await open();
    expect(await second.unacknowledged(10)).toMatchObject([{ id: b.id, seq: 2 }]);
    const c = call();
    await second.begin(c);
    await second.settle(c, cost(1));
    await second.acknowledge(2);
    expect(await second.unacknowledged(10)).toMatchObject([{ id: c.id, seq: 3 }]);
    await second.acknowledge(3);
    await second.close();
    const third = await open();
    const d = call();
    await third.begin(d);
    await third.settle(d, cost(1));
    expect(await third.unacknowledged(10)).toMatchObject([{ id: d.id, seq: 4 }]);
    await third.close();
  });

  it('books a call that broke off with the process at its estimate, once', async () => {
    const first = await open();
    const lost = call();
    await first.begin(lost);
    await first.close();
    for (let restart = 0; restart < 3; restart += 1) {
      const journal = await open();
      expect(await journal.unacknowledged(10)).toMatchObject([
        { id: lost.id, input_tokens: 7, output_tokens: 0, estimated: true },
      ]);
      await journal.close();
    }
  });

  it('keeps everything that was settled however the end of the file is torn', async () => {
    const journal = await open();
    const [kept, torn] = [call(), call()];
    await journal.begin(kept);
    await journal.begin(torn);
    await journal.settle(kept, cost(3));
    await journal.close();
    const path = await lastFile();
    const whole = (await readFile(path)).length;
    await appendFile(path, encodeLine({ kind: 'settled', id: torn.id, record: null }));
    const full = await readFile(path);
    for (let cut = whole; cut < full.length - 1; cut += 7) {
      await writeFile(path, full);
      await truncate(path, cut);
      for (const name of await readdir(folder)) {
        if (join(folder, name) !== path) await rm(join(folder, name));
      }
      const after = await open();
      const records = await after.unacknowledged(10);
      expect(records).toMatchObject([
        { id: kept.id, output_tokens: 3, estimated: false },
        { id: torn.id, estimated: true },
      ]);
      await after.close();
    }
  });

  it('begins another file when one is full, and removes those that are done', async () => {
    const journal = await open();
    const slow = call();
    await journal.begin(slow);
    const many = Math.ceil((2.5 * JOURNAL_SEGMENT_BYTES) / 700);
    const model = 'm'.repeat(MODEL_NAME_CHARS);
    const begun = Array.from({ length: many }, () => ({ ...call(), model }));
    for (let start = 0; start < many; start += 200) {
      const some = begun.slice(start, start + 200);
      await Promise.all(some.map((one) => journal.begin(one)));
      await Promise.all(some.map((one) => journal.settle(one, cost(1))));
    }
    const before = (await readdir(folder)).length;
    expect(before).toBeGreaterThan(2);
    let told = 0;
    for (let page = await journal.unacknowledged(500); page.length > 0; ) {
      told += page.length;
      await journal.acknowledge(page.at(-1)?.seq ?? 0);
      page = await journal.unacknowledged(500);
    }
    expect(told).toBe(many);
    // The first file still holds the beginning of a call that runs.
    expect((await readdir(folder)).length).toBe(before);
    await journal.settle(slow, cost(1));
    await journal.acknowledge(many + 1);
    expect(await readdir(folder)).toHaveLength(1);
    await journal.close();
  });

  it('tells a backlog that memory does not hold, from its files and on', async () => {
    const journal = await open();
    const many = 2 * RECENT_RECORDS + 10;
    const begun = Array.from({ length: many }, call);
    await Promise.all(begun.map((one) => journal.settle(one, cost(1))));
    const told: string[] = [];
    for (let page = await journal.unacknowledged(1_500); page.length > 0; ) {
      expect(await journal.unacknowledgedJson(1_500)).toEqual(page.map(recordJson));
      told.push(...ids(page));
      await journal.acknowledge(page.at(-1)?.seq ?? 0);
      page = await journal.unacknowledged(1_500);
    }
    expect(told).toEqual(ids(begun));
    await journal.close();
  });

  it('keeps what comes together in the order in which it came', async () => {
    const journal = await open();
    const begun = Array.from({ length: 700 }, call);
    const order: string[] = [];
    await Promise.all(
      begun.map(async (one, index) => {
        await journal.begin(one, index % 3 === 0);
        await journal.settle(one, index % 2 === 0 ? cost(index) : null);
        order.push(one.id);
      }),
    );
    expect(journal.openCalls).toBe(0);
    expect(new Set(order).size).toBe(700);
    await journal.close();
    const lines = (await readFile(await lastFile(), 'utf8')).trimEnd().split('\n').map(decodeLine);
    const place = new Map<string, number>();
    for (const [at, line] of lines.entries()) {
      if (line?.kind === 'begun') place.set(line.call.id, at);
      if (line?.kind === 'settled') expect(place.get(line.id)).toBeLessThan(at);
    }
    expect(place.size).toBe(700);
    const again = await open();
    expect((await again.unacknowledged(1_000)).length).toBe(350);
    await again.close();
  });

  it('has soon on the disk what nobody waits for, by itself', async () => {
    const journal = await open();
    const one = call();
    await journal.begin(one);
    await journal.settle(one, cost(1), false);
    // Over only once its end is on the disk.
    expect(journal.openCalls).toBe(1);
    await expect.poll(() => journal.openCalls).toBe(0);
    await journal.close();
  });

  it('tells what was settled before it is asked, and nothing that is not on the disk', async () => {
    const journal = await open();
    const begun = Array.from({ length: 20 }, call);
    for (const [index, one] of begun.entries()) {
      await journal.begin(one, index % 5 === 0);
      await journal.settle(one, cost(1), index % 3 === 0);
      if (index % 4 !== 0) continue;
      expect(ids(await journal.unacknowledged(50))).toEqual(ids(begun.slice(0, index + 1)));
      expect(journal.openCalls).toBe(0);
    }
    await journal.close();
    expect(ids(await (await open()).unacknowledged(50))).toEqual(ids(begun));
  });

  it('takes no call when the disk refuses, and goes on when it does not', async () => {
    const journal = await open();
    await rm(folder, { recursive: true });
    const refused = call();
    await expect(journal.begin(refused)).rejects.toThrow(/the disk refuses/);
    expect(warnings).toHaveLength(1);
    await mkdir(folder);
    const taken = call();
    await journal.begin(taken);
    await journal.settle(taken, cost(1));
    expect(ids(await journal.unacknowledged(10))).toEqual([taken.id]);
    await journal.close();
    expect(ids(await (await open()).unacknowledged(10))).toEqual([taken.id]);
  });

  it('knows what was taken from each lease, however many files and starts ago, until it is told', async () => {
    const taking = (lease: string, amount: number): BegunCall => ({
      ...call(),
      spend: {
        ...UNPRICED,
        charges: [
          {
            lease_id: lease,
            budget_id: 'bud_1',
            window_start: '2026-01-01T00:00:00Z',
            amount: String(amount),
          },
        ],
      },
    });
    let journal = await open();
    expect([...journal.earlier()]).toEqual([]);
    const spend = async (lease: string, reserved: number, took: number) => {
      const begun = taking(lease, reserved);
      await journal.begin(begun, true);
      const { spend } = taking(lease, took);
      await journal.settle(begun, { usage: usage(1), estimated: false, spend });
    };
    await spend('lease_a', 100, 30);
    await spend('lease_told', 100, 50);
    await journal.begin(taking('lease_a', 12), true);
    for (const free of [taking('lease_a', 5), taking('lease_free', 5)]) {
      await journal.begin(free, true);
      await journal.settle(free, null);
    }
    journal.forget('lease_told');
    await journal.close();
    journal = await open();
    // That one took nothing in the end is told as well.
    expect(Object.fromEntries(journal.earlier())).toEqual({ lease_a: 42n, lease_free: 0n });
    journal.forget('lease_free');
    const many = Math.ceil((1.5 * JOURNAL_SEGMENT_BYTES) / 450);
    await Promise.all(Array.from({ length: many }, () => spend('lease_b', 9, 2)));
    for (let page = await journal.unacknowledged(500); page.length > 0; ) {
      await journal.acknowledge(page.at(-1)?.seq ?? 0);
      page = await journal.unacknowledged(500);
    }
    // The files in which it was taken are gone.
    expect(await readdir(folder)).toHaveLength(1);
    await journal.close();
    journal = await open();
    expect(Object.fromEntries(journal.earlier())).toEqual({
      lease_a: 42n,
      lease_b: BigInt(2 * many),
    });
    journal.forget('lease_a');
    journal.forget('lease_b');
    await journal.close();
    journal = await open();
    expect([...journal.earlier()]).toEqual([]);
    await journal.close();
  });

  it('takes over a file in which calls were written by name', async () => {
    const old = join(import.meta.dirname, 'testing', 'lines-by-name.txt');
    await copyFile(old, join(folder, 'usage-0000000000000001.log'));
    const journal = await open();
    const [settled, lost, ...others] = await journal.unacknowledged(10);
    expect(others).toEqual([]);
    expect(settled).toMatchObject({ seq: 6, id: 'call_2', turn_id: 'turn_1', org_grant: 'og_1' });
    expect(lost).toMatchObject({ seq: 7, id: 'call_4', model: 'claude "x"', paid_by: 'byok' });
    expect(lost?.spend).toMatchObject({ cost: '400', reasoning_tokens: 3 });
    expect(Object.fromEntries(journal.earlier())).toEqual({
      ...{ lease_a: 42n, lease_b: 200n, lease_c: 0n, lease_d: 400n, lease_z: 2n },
    });
    await journal.close();
    expect(ids(await (await open()).unacknowledged(10))).toEqual(['call_2', 'call_4']);
  });

  it('tells all whose lines the disk refuses, and books those calls at nothing', async () => {
    const journal = await open();
    await rm(folder, { recursive: true });
    const refused = Array.from({ length: 600 }, call);
    const begun = await Promise.allSettled(
      refused.map((one, at) => journal.begin(one, at % 2 === 0)),
    );
    expect(new Set(begun.map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(journal.openCalls).toBe(0);
    await mkdir(folder);
    const taken = Array.from({ length: 600 }, call);
    await Promise.all(taken.map((one, at) => journal.begin(one, at % 2 === 0)));
    await Promise.all(taken.map((one) => journal.settle(one, cost(1))));
    await journal.close();
    expect(ids(await (await open()).unacknowledged(1_000))).toEqual(ids(taken));
  });

  it('property: any end of the process leaves each call once, exact or estimated', async () => {
    const step = fc.record({
      kind: fc.constantFrom('begin', 'settle', 'void', 'ack', 'restart'),
      pick: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder);
        let journal = await open();
        let running: BegunCall[] = [];
        const expected = new Set<string>();
        const fetched = new Map<string, number>();
        const fetch = async () => {
          const records = await journal.unacknowledged(3);
          for (const { id, seq } of records) {
            expect(fetched.get(id) ?? seq).toBe(seq);
            fetched.set(id, seq);
          }
          return records;
        };
        for (const { kind, pick } of steps) {
          const one = running[pick % Math.max(1, running.length)];
          if (kind === 'begin') {
            const begun = call();
            await journal.begin(begun);
            running.push(begun);
          } else if (kind === 'ack') {
            await journal.acknowledge((await fetch()).at(-1)?.seq ?? 0);
          } else if (kind === 'restart') {
            await journal.close();
            for (const { id } of running) expected.add(id);
            running = [];
            journal = await open();
          } else if (one !== undefined) {
            await journal.settle(one, kind === 'void' ? null : cost(1));
            running = running.filter((other) => other !== one);
            if (kind === 'settle') expected.add(one.id);
          }
        }
        for (let page = await fetch(); page.length > 0; page = await fetch()) {
          await journal.acknowledge(page.at(-1)?.seq ?? 0);
        }
        await journal.close();
        expect(new Set(fetched.keys())).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

const word = fc.string({ unit: 'binary' });
const maybe = fc.option(word);
const count = fc.nat();
const amount = fc.bigInt({ min: 0n, max: 10n ** 29n }).map(String);
const charge = fc.record({
  ...{ lease_id: word, budget_id: word, amount },
  window_start: fc.constant('2026-01-01T00:00:00Z'),
});
const anyCall = fc.record({
  ...{ id: word, org_id: word, project_id: word, session_id: word, turn_id: maybe },
  payer: fc.record({ api_key_id: maybe, embed_key_id: maybe, end_user: maybe }),
  ...{ org_grant: maybe, provider: word, model: word, input_tokens: count, output_tokens: count },
  ...{ cache_read_tokens: count, cache_write_tokens: count, estimated: fc.boolean() },
  paid_by: fc.constantFrom('platform' as const, 'byok' as const),
  spend: fc.record({
    ...{ cost: fc.option(amount), price_version: maybe, own_key_id: maybe },
    charges: fc.array(charge, { maxLength: 4 }),
    ...{ cache_write_1h_tokens: count, reasoning_tokens: count, exceeded: fc.boolean() },
  }),
  at: fc.constant('2026-01-01T00:00:00.123Z'),
});

describe('a line of the journal', () => {
  it('property: has every field of a call in its place', () => {
    fc.assert(
      fc.property(anyCall, count, (call, seq) => {
        const record = { ...call, seq: seq + 1 };
        const told = usageRecordsAnswer.parse(JSON.parse(`{"records":[[${recordJson(record)}]]}`));
        expect(told.records).toEqual([record]);
        const lines = [
          { kind: 'begun' as const, call },
          { kind: 'settled' as const, id: call.id, record },
          { kind: 'settled' as const, id: call.id, record: null },
        ];
        for (const line of lines) {
          const text = encodeLine({ ...line });
          expect(text.indexOf('\n')).toBe(text.length - 1);
          expect(decodeLine(text.trimEnd())).toEqual(line);
        }
      }),
    );
  });

  it('is read as it was written, and damage is seen', () => {
    const line = { kind: 'acked', through: 12 } as const;
    const text = encodeLine(line).trimEnd();
    expect(decodeLine(text)).toEqual(line);
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'x' ? 'y' : 'x';
      expect(decodeLine(text.slice(0, at) + other + text.slice(at + 1))).toBeNull();
      expect(decodeLine(text.slice(0, at))).toBeNull();
    }
  });
});
