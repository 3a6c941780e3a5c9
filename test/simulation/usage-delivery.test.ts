import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_PAYER, newId, UNPRICED, usageOf } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertOrg } from '../../packages/control-plane/src/identity/org-rows.ts';
import { createOrgGrants } from '../../packages/control-plane/src/internal/org-grant.ts';
import {
  type TestDatabase as ControlDatabase,
  startTestDatabase as startControlDatabase,
} from '../../packages/control-plane/src/sql/test-database.ts';
import { takeEvents } from '../../packages/control-plane/src/usage/event-intake.ts';
import { tell } from '../../packages/data-plane/src/outbox/lifecycle.ts';
import { Outbox } from '../../packages/data-plane/src/outbox/outbox.ts';
import type { Batch } from '../../packages/data-plane/src/outbox/waiting-events.ts';
import {
  type TestDatabase as DataDatabase,
  startTestDatabase as startDataDatabase,
} from '../../packages/data-plane/src/sql/test-database.ts';
import { Journal } from '../../packages/doors/src/journal/journal.ts';
import type { BegunCall } from '../../packages/doors/src/journal/line.ts';
import { CrashPoints, Killed, randomOf } from './crash-points.ts';

/**
 * Oracle. Whatever is killed wherever: every call that was settled is booked once, with what it
 * cost; every call that was under way when the doors died is booked once, at its estimate; sums by
 * day are those of the events; what happened to a session reaches an endpoint's queue once.
 */

const SEEDS = process.env.KARTA_TIER === 'full' ? 300 : 20;
const STEPS = 40;
const KILL_CHANCE = 0.06;
const NODE = 'node_a';
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

let data: DataDatabase;
let control: ControlDatabase;

beforeAll(async () => {
  [data, control] = await Promise.all([startDataDatabase(), startControlDatabase()]);
});
afterAll(async () => {
  await data?.close();
  await control?.close();
});

function acceptAll({ usage, lifecycle }: Batch): { accepted: string[]; refused: [] } {
  return { accepted: [...usage, ...lifecycle].map(({ id }) => id), refused: [] };
}

let renamed = 0;
function underNewIds(batch: Batch): Batch {
  renamed += 1;
  return {
    ...batch,
    usage: batch.usage.map((event) => ({ ...event, id: `${event.id}${renamed}` })),
  };
}

interface Cost {
  input: number;
  output: number;
  estimated: boolean;
}

async function newOrg(): Promise<string> {
  const slug = newId('org').replace('_', '-');
  const org = await control.database
    .transaction()
    .execute((tx) => insertOrg(tx, { slug, name: 'An org' }));
  if (org === null) throw new Error('the slug is taken');
  const id = newId('webhook');
  const now = new Date();
  const sealed = JSON.stringify({ key: '', data_key: '', value: '' });
  await control.database
    .insertInto('webhook_endpoints')
    .values({
      id,
      org_id: org.id,
      url: 'https://hooks.example/',
      description: '',
      ordered: false,
      secret: sealed,
      enabled: true,
      created_at: now,
      updated_at: now,
    })
    .execute();
  return org.id;
}

async function newSession(orgId: string): Promise<string> {
  const id = newId('session');
  const now = new Date();
  await data.database
    .insertInto('sessions')
    .values({
      id,
      org_id: orgId,
      project_id: 'proj_1',
      release_id: 'rel_1',
      status: 'active',
      metadata: '{}',
      current_agent: 'default',
      created_by: 'key_1',
      sub: 'ann',
      created_at: now,
      updated_at: now,
      active_at: now,
    })
    .execute();
  return id;
}

/** Mistakes that the comparison must see: otherwise its silence would say nothing. */
const PLANTED = [
  'the journal is acknowledged before the outbox has the calls',
  'the control plane answers before it has committed',
  'an event that is told again counts again',
] as const;
type Planted = (typeof PLANTED)[number];

async function play(seed: number, planted?: Planted): Promise<{ kills: number }> {
  const random = randomOf(seed);
  const crash = new CrashPoints(random, KILL_CHANCE);
  const folder = await mkdtemp(join(tmpdir(), 'karta-usage-'));
  const orgId = await newOrg();
  const sessionId = await newSession(orgId);
  const grants = createOrgGrants(Buffer.alloc(32, 1));
  const grantOf = () => grants.issue(NODE, orgId);
  const expected = new Map<string, Cost>();
  const happened = new Set<string>();
  let running: BegunCall[] = [];
  let journal = new Journal(folder, quiet);
  await journal.recover();
  const controlDatabase = crash.on(control.database);
  const dataDatabase = crash.on(data.database);

  /** Does it, unless it is killed; then whatever was in memory is gone. */
  const unlessKilled = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  };
  const outbox = () =>
    new Outbox({
      database: dataDatabase,
      grantOf,
      log: quiet,
      journal: {
        async usage() {
          crash.pass();
          const records = await journal.unacknowledged(1 + Math.floor(random() * 4));
          if (planted === PLANTED[0]) await journal.acknowledge(records.at(-1)?.seq ?? 0);
          return records;
        },
        async ackUsage(through) {
          crash.pass();
          await journal.acknowledge(through);
          crash.pass();
        },
      },
      async send(batch) {
        crash.pass();
        const parts = { database: controlDatabase, grants, log: quiet };
        const told = planted === PLANTED[2] ? underNewIds(batch) : batch;
        const booked = takeEvents(parts, NODE, told);
        const hasty = planted === PLANTED[1] || planted === PLANTED[2];
        const answer = hasty
          ? await booked.catch(() => null).then(() => acceptAll(batch))
          : await booked;
        // The control plane has it, and the answer never arrives.
        crash.pass();
        return answer;
      },
    });
  const restartDoors = async () => {
    await journal.close();
    for (const call of running) {
      expected.set(call.id, { input: call.input_tokens, output: 0, estimated: true });
    }
    running = [];
    journal = new Journal(folder, quiet);
    await journal.recover();
  };
  const begin = async () => {
    const call: BegunCall = {
      id: newId('call'),
      org_id: orgId,
      project_id: 'proj_1',
      session_id: sessionId,
      turn_id: null,
      payer: NO_PAYER,
      org_grant: null,
      provider: 'demo',
      model: random() < 0.5 ? 'a' : 'b',
      input_tokens: Math.floor(random() * 100),
      cache_read_tokens: 0,
      cache_write_tokens: 0,
      output_tokens: 0,
      estimated: true,
      paid_by: 'platform',
      spend: UNPRICED,
      at: new Date().toISOString(),
    };
    await journal.begin(call);
    running.push(call);
  };
  const settle = async () => {
    const call = running.shift();
    if (call === undefined) return;
    const [input, output] = [Math.floor(random() * 1000), Math.floor(random() * 1000)];
    const usage = usageOf({
      input_tokens: input,
      cache_read_tokens: 0,
      cache_write_tokens: 0,
      output_tokens: output,
    });
    await journal.settle(call, { usage, estimated: false, spend: UNPRICED });
    expected.set(call.id, { input, output, estimated: false });
  };
  const inputRequired = async () => {
    const about = newId('input');
    const type = 'input.required';
    const extra = { turn_id: 'turn_1', request_id: about, kind: 'permission' };
    const change = { type, sessionId, about, data: extra } as const;
    await tell(change, grantOf()).execute(data.database);
    happened.add(about);
  };

  for (let step = 0; step < STEPS; step += 1) {
    const choice = random();
    if (choice < 0.25) await begin();
    else if (choice < 0.5) await settle();
    else if (choice < 0.6) await inputRequired();
    else if (choice < 0.68) await restartDoors();
    else if (choice < 0.85) await unlessKilled(() => outbox().takeAll());
    else await unlessKilled(() => outbox().pushAll());
  }
  crash.armed = false;
  await restartDoors();
  await outbox().takeAll();
  await outbox().pushAll();
  await journal.close();
  await rm(folder, { recursive: true, force: true });
  await compare(orgId, expected, happened);
  return { kills: crash.kills };
}

async function compare(
  orgId: string,
  expected: Map<string, Cost>,
  happened: Set<string>,
): Promise<void> {
  const events = await control.database
    .selectFrom('usage_events')
    .select(['id', 'input_tokens', 'output_tokens', 'estimated', 'principal_id', 'end_user'])
    .where('org_id', '=', orgId)
    .execute();
  const booked = new Map(
    events.map((event) => [
      event.id,
      {
        input: Number(event.input_tokens),
        output: Number(event.output_tokens),
        estimated: event.estimated,
      },
    ]),
  );
  expect(booked).toEqual(expected);
  expect(events.every((event) => event.principal_id === 'key_1' && event.end_user === 'ann')).toBe(
    true,
  );
  const sums = await control.database
    .selectFrom('usage_daily')
    .select(({ fn }) => [
      fn.sum('calls').as('calls'),
      fn.sum('input_tokens').as('input'),
      fn.sum('output_tokens').as('output'),
      fn.sum('estimated_calls').as('estimated'),
    ])
    .where('org_id', '=', orgId)
    .executeTakeFirstOrThrow();
  const costs = [...expected.values()];
  const sum = (of: (cost: Cost) => number) => costs.reduce((all, cost) => all + of(cost), 0);
  expect({
    calls: Number(sums.calls),
    input: Number(sums.input),
    output: Number(sums.output),
    estimated: Number(sums.estimated),
  }).toEqual({
    calls: expected.size,
    input: sum(({ input }) => input),
    output: sum(({ output }) => output),
    estimated: sum(({ estimated }) => (estimated ? 1 : 0)),
  });
  const queued = await control.database
    .selectFrom('webhook_deliveries as d')
    .innerJoin('webhook_events as e', (join) =>
      join.onRef('e.id', '=', 'd.event_id').onRef('e.org_id', '=', 'd.org_id'),
    )
    .select('e.body')
    .where('d.org_id', '=', orgId)
    .execute();
  const told = queued.map(({ body }) => JSON.parse(body).data.request_id as string);
  expect(told.sort()).toEqual([...happened].sort());
  const left = await data.database
    .selectFrom('outbox')
    .select('id')
    .where('org_id', '=', orgId)
    .execute();
  expect(left).toEqual([]);
}

test(`every event counts once, wherever either plane or the doors are killed (${SEEDS} seeds)`, async () => {
  let kills = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    try {
      kills += (await play(seed)).kills;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // Otherwise it would show nothing.
  expect(kills).toBeGreaterThan(SEEDS);
});

test.each(PLANTED)('a planted mistake is caught: %s', async (planted) => {
  const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
  let caught = false;
  for (const seed of seeds) {
    caught ||= await play(seed, planted).then(
      () => false,
      () => true,
    );
    if (caught) break;
  }
  expect(caught).toBe(true);
});
