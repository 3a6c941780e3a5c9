import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../sql/index.ts';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { ScriptedRunner } from './testing/scripted-runner.ts';
import { CALLER, collect, summary, TestEngine } from './testing/test-engine.ts';

let db: TestDatabase;
/** Somebody else on the same database. */
let other: Database;
const open: TestEngine[] = [];

beforeAll(async () => {
  db = await startTestDatabase();
  other = openDatabase(db.applicationUrl, () => {});
});
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.stop();
});
afterAll(async () => {
  await other?.destroy();
  await db?.close();
});

async function start(runner?: ScriptedRunner): Promise<TestEngine> {
  const engine = await TestEngine.start(db.applicationUrl, runner ? { runner } : {});
  open.push(engine);
  return engine;
}

/** A session whose harness runs. */
async function liveSession(engine: TestEngine): Promise<string> {
  const { id } = await engine.create();
  await engine.say(id, 'hello');
  return id;
}

/** Keeps the session's row, so that nothing of it is written until the returned function is called. */
async function holdRow(id: string): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const done = other.transaction().execute(async (transaction) => {
    await sql`select from sessions where id = ${id} for update`.execute(transaction);
    held.resolve();
    await release.promise;
  });
  await held.promise;
  return async () => {
    release.resolve();
    await done;
  };
}

/** The connection breaks on which a turn is being written. */
async function breakWrite(): Promise<void> {
  const cut = () =>
    sql<{ pid: number }>`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'with "accepted"%' and wait_event_type = 'Lock'`.execute(
      db.database,
    );
  await expect.poll(async () => (await cut()).rows.length).toBe(1);
}

function turnsOf(id: string) {
  return db.database
    .selectFrom('turns')
    .select(['id', 'state'])
    .where('session_id', '=', id)
    .orderBy('position')
    .execute();
}

test('a harness that runs gets the prompt at once; nobody is told before the turn is on disk', async () => {
  const t = await start();
  const id = await liveSession(t);
  const after = t.engine.live.get(id)?.events.lastSeq ?? 0;
  const seen: string[] = [];
  const abort = new AbortController();
  const reading = t.follow(id, { after, signal: abort.signal }).then(async (events) => {
    for await (const event of events) seen.push(...summary([event]));
  });
  const letGo = await holdRow(id);
  let answered = false;
  const accepting = t.send(id, [{ text: 'early' }, { gate: 'more' }]).finally(() => {
    answered = true;
  });
  await expect.poll(() => t.runner.inputs.length).toBe(2);
  // The harness speaks, and what others ask of the session is answered meanwhile.
  expect((await t.service.get(CALLER, id)).status).toBe('running');
  expect([answered, seen, await turnsOf(id)]).toEqual([false, [], [expect.anything()]]);
  await letGo();
  const accepted = await accepting;
  expect(accepted.afterSeq).toBe(after);
  await expect.poll(() => seen).toEqual(['text:early']);
  expect((await turnsOf(id)).at(-1)).toEqual({ id: accepted.turnId, state: 'running' });
  t.runner.open('more');
  await t.turn(id, accepted);
  abort.abort();
  await reading;
  expect(seen).toEqual(['text:early', 'done:end_turn']);
});

test('what comes meanwhile waits for its place behind it', async () => {
  const t = await start();
  const id = await liveSession(t);
  const letGo = await holdRow(id);
  const first = t.send(id, [{ text: 'first' }]);
  await expect.poll(() => t.runner.inputs.length).toBe(2);
  const second = t.send(id, [{ text: 'second' }]);
  await expect(t.send(id, { text: 'x', if_busy: 'reject' })).rejects.toMatchObject({
    code: 'session_busy',
  });
  await letGo();
  const from = (await first).afterSeq;
  const until = { turnId: (await second).turnId, at: 'done' as const };
  const events = await collect(await t.follow(id, { after: from, until }));
  expect(summary(events)).toEqual(['text:first', 'done:end_turn', 'text:second', 'done:end_turn']);
});

test('a cancel that comes meanwhile ends the turn once it is accepted', async () => {
  const t = await start();
  const id = await liveSession(t);
  const letGo = await holdRow(id);
  const accepting = t.send(id, [{ text: 'a' }, { gate: 'never' }]);
  await expect.poll(() => t.runner.inputs.length).toBe(2);
  const cancelled = t.service.cancel(CALLER, id);
  await letGo();
  const accepted = await accepting;
  expect((await cancelled).status).toBe('active');
  expect(summary(await t.turn(id, accepted)).at(-1)).toBe('done:cancelled');
});

test('a stop that comes meanwhile lets the turn be accepted and end', async () => {
  const t = await start();
  const id = await liveSession(t);
  const letGo = await holdRow(id);
  const accepting = t.send(id, [{ text: 'a' }, { gate: 'drain' }, { text: 'b' }]);
  await expect.poll(() => t.runner.inputs.length).toBe(2);
  open.splice(open.indexOf(t), 1);
  const draining = t.stop(10_000);
  await letGo();
  const { turnId } = await accepting;
  t.runner.open('drain');
  await draining;
  expect((await turnsOf(id)).at(-1)).toEqual({ id: turnId, state: 'done' });
});

test('a turn that cannot be stored is stopped in the harness, and nothing is told of it', async () => {
  const t = await start();
  const id = await liveSession(t);
  const after = t.engine.live.get(id)?.events.lastSeq ?? 0;
  const letGo = await holdRow(id);
  const refused = expect(t.send(id, [{ text: 'never told' }, { gate: 'never' }])).rejects.toThrow();
  await expect.poll(() => t.runner.inputs.length).toBe(2);
  await breakWrite();
  await letGo();
  await refused;
  expect(await turnsOf(id)).toHaveLength(1);

  // The session goes on, its numbers too; the harness has the message, which nobody was promised.
  const next = await t.send(id, 'and now');
  expect(next.afterSeq).toBe(after);
  expect(summary(await t.turn(id, next))).toEqual(['text:echo: and now', 'done:end_turn']);
  const history = await t.service.history(CALLER, id);
  expect(history.filter(({ role }) => role === 'user').map(({ unverified }) => unverified)).toEqual(
    [false, true, false],
  );
});

test('a crash before the turn is on disk leaves a message that nobody was promised', async () => {
  const before = await start();
  const id = await liveSession(before);
  const letGo = await holdRow(id);
  const refused = expect(before.send(id, [{ text: 'lost' }, { gate: 'never' }])).rejects.toThrow();
  await expect.poll(() => before.runner.inputs.length).toBe(2);
  open.splice(open.indexOf(before), 1);
  await Promise.all([before.crash(), breakWrite().then(letGo)]);
  await refused;

  const after = await start(new ScriptedRunner(before.runner.volumes));
  expect((await turnsOf(id)).map(({ state }) => state)).toEqual(['done']);
  expect((await after.service.get(CALLER, id)).status).toBe('hibernated');
  expect(summary(await after.say(id, 'again')).at(-1)).toBe('done:end_turn');
  const said = (await after.service.history(CALLER, id)).filter(({ role }) => role === 'user');
  expect(said.map(({ unverified, turn_id }) => [unverified, turn_id === null])).toEqual([
    [false, false],
    [true, true],
    [false, false],
  ]);
});
