import { KartaError, LIMITS, moneyToWire } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { SCRIPTED_COST } from './testing/scripted-runner.ts';
import { CALLER, collect, summary, TestEngine } from './testing/test-engine.ts';

let db: TestDatabase;
let t: TestEngine;

beforeAll(async () => {
  db = await startTestDatabase();
  t = await TestEngine.start(db.applicationUrl, { times: { stopGrace: 50 } });
});
afterAll(async () => {
  await t?.stop();
  await db?.close();
});

test('a turn streams its text and ends with one done that has usage and the message', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ text: 'Hello ' }, { text: 'you' }]);
  const events = await t.turn(id, accepted);
  expect(summary(events)).toEqual(['system:warming', 'text:Hello ', 'text:you', 'done:end_turn']);
  const done = events.at(-1);
  expect(done).toMatchObject({
    type: 'done',
    session_id: id,
    turn_id: accepted.turnId,
    source: 'karta',
    data: {
      usage: { input_tokens: 3, output_tokens: 9, total_tokens: 12 },
      cost: moneyToWire(SCRIPTED_COST),
      message: {
        id: accepted.turnId.replace('turn_', 'msg_'),
        role: 'assistant',
        text: 'Hello you',
      },
    },
  });
  expect((await t.service.get(CALLER, id)).status).toBe('active');
});

test('nothing of what was said stays in the database', async () => {
  const { id } = await t.create();
  await t.say(id, [{ text: 'the answer' }]);
  const rows = await t.database
    .selectFrom('turns')
    .selectAll()
    .where('session_id', '=', id)
    .execute();
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain('the answer');
  expect(rows[0]).toMatchObject({ text: null, state: 'done', output_tokens: '10' });
});

test('messages to a busy session wait, first come first served', async () => {
  const { id } = await t.create();
  const first = await t.send(id, [{ gate: 'fifo' }, { text: 'first' }]);
  const second = await t.send(id, [{ text: 'second' }]);
  const third = await t.send(id, [{ text: 'third' }]);
  const last = t.turn(id, third);
  t.runner.open('fifo');
  await last;
  const all = await collect(
    await t.follow(id, { until: { turnId: third.turnId, at: 'done' }, after: first.afterSeq }),
  );
  expect(summary(all).filter((line) => !line.startsWith('system'))).toEqual([
    'text:first',
    'done:end_turn',
    'text:second',
    'done:end_turn',
    'text:third',
    'done:end_turn',
  ]);
  expect(all.map((event) => event.seq)).toEqual(all.map((_, index) => (all[0]?.seq ?? 0) + index));
  expect(second.turnId).not.toBe(third.turnId);
});

test('at most so many wait; one that will not wait is refused', async () => {
  const { id } = await t.create();
  await t.send(id, [{ gate: 'full' }]);
  await expect(t.send(id, { text: 'x', if_busy: 'reject' })).rejects.toMatchObject({
    code: 'session_busy',
  });
  const sent = await Promise.allSettled(
    Array.from({ length: LIMITS.queuedTurns + 3 }, () => t.send(id, 'x')),
  );
  expect(sent.filter((one) => one.status === 'fulfilled')).toHaveLength(LIMITS.queuedTurns);
  const refused = sent.find((one) => one.status === 'rejected');
  expect(KartaError.is(refused?.reason) && refused.reason.code).toBe('session_busy');
  t.runner.open('full');
});

test('if_busy: interrupt stops the running turn and then runs', async () => {
  const { id } = await t.create();
  const first = await t.send(id, [{ text: 'a' }, { gate: 'never-i' }]);
  const second = await t.send(id, { text: 'now me', if_busy: 'interrupt' });
  expect(summary(await t.turn(id, first)).at(-1)).toBe('done:cancelled');
  expect(summary(await t.turn(id, second)).at(-1)).toBe('done:end_turn');
});

test('cancel ends the running turn in its text, and says so when it returns', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ text: 'a' }, { gate: 'never-c' }]);
  await firstOf(id, accepted.afterSeq, 'text');
  const after = await t.service.cancel(CALLER, id);
  expect(after.status).toBe('active');
  expect(summary(await t.turn(id, accepted)).at(-1)).toBe('done:cancelled');
  expect(summary(await t.say(id, 'go on')).at(-1)).toBe('done:end_turn');
});

test('cancel before the sandbox is there ends the turn at once, and the next one runs', async () => {
  const { id } = await t.create();
  const arrived = Promise.withResolvers<void>();
  const hold = Promise.withResolvers<void>();
  t.runner.beforeAttach = async () => {
    arrived.resolve();
    await hold.promise;
  };
  const accepted = await t.send(id, 'slow start');
  await arrived.promise;
  t.runner.beforeAttach = async () => {};
  await t.service.cancel(CALLER, id);
  expect(summary(await t.turn(id, accepted))).toEqual(['system:warming', 'done:cancelled']);
  hold.resolve();
  expect(summary(await t.say(id, 'again')).slice(-2)).toEqual([
    'text:echo: again',
    'done:end_turn',
  ]);
});

test('cancel without a running turn changes nothing', async () => {
  const { id } = await t.create();
  expect((await t.service.cancel(CALLER, id)).status).toBe('active');
});

test('a harness that will not stop is ended', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ text: 'a' }, { stuck: true }]);
  await firstOf(id, accepted.afterSeq, 'text');
  await t.service.cancel(CALLER, id);
  expect(summary(await t.turn(id, accepted)).at(-1)).toBe('done:cancelled');
  expect(t.runner.isLive(id)).toBe(false);
  expect((await t.service.get(CALLER, id)).status).toBe('hibernated');
});

test('a turn that takes too long ends with timeout', async () => {
  const short = await TestEngine.start(db.applicationUrl, { times: { turn: 30, stopGrace: 1000 } });
  const { id } = await short.create();
  const events = await short.say(id, [{ text: 'a' }, { gate: 'never-t' }]);
  expect(summary(events).slice(-2)).toEqual(['error:turn_timeout', 'done:timeout']);
  await short.stop();
});

test.each([
  [[{ throws: 'boom' }], ['error:internal', 'done:error']],
  [
    [{ text: 'a' }, { vanishes: true }],
    ['error:harness_exited', 'done:error'],
  ],
  [
    [{ error: { code: 'provider_auth' as const, message: 'no key' } }],
    ['error:provider_auth', 'done:error'],
  ],
])('a turn that fails says how and ends: %j', async (steps, expected) => {
  const { id } = await t.create();
  expect(summary(await t.say(id, steps)).slice(-2)).toEqual(expected);
  expect(summary(await t.say(id, 'still there')).at(-1)).toBe('done:end_turn');
});

test('a sandbox that cannot be had is an error of the turn', async () => {
  const { id } = await t.create();
  t.runner.beforeAttach = async () => {
    throw new KartaError('capacity', 'no memory left', { retryAfter: 5 });
  };
  const events = await t.say(id, 'x');
  t.runner.beforeAttach = async () => {};
  expect(summary(events).slice(-2)).toEqual(['error:capacity', 'done:error']);
  expect(events.at(-2)).toMatchObject({ data: { retryable: true, message: 'no memory left' } });
});

test('reasoning is shown only to those who ask for it', async () => {
  const { id } = await t.create();
  const steps = JSON.stringify([{ reasoning: 'hm' }, { text: 'a' }]);
  expect(summary(await t.say(id, { text: steps }))).not.toContain('reasoning:hm');
  expect(summary(await t.say(id, { text: steps, thinking: true }))).toContain('reasoning:hm');
  t.runner.thinking = false;
  await expect(t.send(id, { text: 'x', thinking: true })).rejects.toMatchObject({
    code: 'capability_missing',
  });
  t.runner.thinking = true;
});

test('an agent per message, or the one of the session; an unknown one is refused', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, { text: 'x', agent: 'reviewer' });
  expect(accepted.agent).toBe('reviewer');
  await t.turn(id, accepted);
  expect(t.runner.inputs.at(-1)?.input.agent).toBe('reviewer');
  await t.say(id, 'y');
  expect(t.runner.inputs.at(-1)?.input.agent).toBe('default');
  await expect(t.send(id, { text: 'x', agent: 'nobody' })).rejects.toMatchObject({
    code: 'unknown_agent',
    message: expect.stringContaining('default, reviewer'),
  });
});

test('the second turn takes up the conversation where its state is', async () => {
  const { id } = await t.create();
  await t.say(id, 'one');
  await t.service.get(CALLER, id);
  t.runner.endHarness(id, 'hibernated');
  await expect.poll(async () => (await t.service.get(CALLER, id)).status).toBe('hibernated');
  await t.say(id, 'two');
  expect(t.runner.attached.at(-1)).toMatchObject({
    volumeId: `vol_${id}`,
    resumeId: `conversation of ${id}`,
  });
  expect((await t.service.get(CALLER, id)).isolation).toBe('none');
});

test('a limit that ends the sandbox is told in the turn', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ text: 'a' }, { stuck: true }]);
  await firstOf(id, accepted.afterSeq, 'text');
  t.runner.endHarness(id, 'violation');
  const events = await t.turn(id, accepted);
  expect(summary(events)).toContain('error:sandbox_limit');
  expect(summary(events).filter((line) => line.startsWith('done'))).toHaveLength(1);
});

/** Waits for the first event of a type. */
async function firstOf(id: string, after: number, type: string): Promise<void> {
  const abort = new AbortController();
  for await (const event of await t.follow(id, { after, signal: abort.signal })) {
    if (event.type === type) break;
  }
  abort.abort();
}
