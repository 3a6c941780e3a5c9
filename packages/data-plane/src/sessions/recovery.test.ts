import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { ScriptedRunner } from './testing/scripted-runner.ts';
import { CALLER, collect, summary, TestEngine } from './testing/test-engine.ts';

let db: TestDatabase;
const open: TestEngine[] = [];

beforeAll(async () => {
  db = await startTestDatabase();
});
afterEach(async () => {
  for (const engine of open.splice(0)) await engine.stop();
  await db.reset();
});
afterAll(() => db?.close());

async function start(options: Parameters<typeof TestEngine.start>[1] = {}): Promise<TestEngine> {
  const engine = await TestEngine.start(db.applicationUrl, options);
  open.push(engine);
  return engine;
}

async function crash(engine: TestEngine): Promise<void> {
  open.splice(open.indexOf(engine), 1);
  await engine.crash();
}

test('after a crash a running turn ends visibly, and queued ones run in order', async () => {
  const before = await start();
  const { id } = await before.create();
  const running = await before.send(id, [{ text: 'a' }, { gate: 'never' }]);
  const second = await before.send(id, [{ text: 'second' }]);
  const third = await before.send(id, [{ text: 'third' }]);
  const abort = new AbortController();
  let last = 0;
  for await (const event of await before.follow(id, { signal: abort.signal })) {
    last = event.seq;
    if (event.type === 'text') break;
  }
  abort.abort();
  await crash(before);

  const after = await start({ runner: new ScriptedRunner(before.runner.volumes) });
  const until = { turnId: third.turnId, at: 'done' as const };
  const expired = await after.follow(id, { after: last }).catch((error) => error);
  expect(expired).toMatchObject({ code: 'replay_expired' });
  const from = expired.extra.first_seq - 1;
  expect(from).toBeGreaterThanOrEqual(last);
  const events = await collect(await after.follow(id, { after: from, until }));
  expect(events.map((event) => event.turn_id)).toEqual(
    expect.arrayContaining([running.turnId, second.turnId, third.turnId]),
  );
  expect(summary(events).filter((line) => !line.startsWith('system'))).toEqual([
    'error:turn_interrupted',
    'done:error',
    'text:second',
    'done:end_turn',
    'text:third',
    'done:end_turn',
  ]);
});

test('an approval that waited at the crash has expired', async () => {
  const before = await start();
  const { id } = await before.create();
  const accepted = await before.send(id, [{ ask: { tool: 'bash' } }]);
  await before.turn(id, accepted, 'pause');
  const requestId = (await before.service.get(CALLER, id)).pending_input?.request_id ?? '';
  await crash(before);

  const after = await start({ runner: new ScriptedRunner(before.runner.volumes) });
  expect(await after.service.get(CALLER, id)).toMatchObject({
    pending_input: null,
    status: 'hibernated',
  });
  await expect(
    after.service.resolveInput(CALLER, id, requestId, { decision: 'approve_once' }),
  ).rejects.toMatchObject({ code: 'input_expired' });
  expect(summary(await after.say(id, 'go on')).at(-1)).toBe('done:end_turn');
});

test('before it has started it refuses, and says that it starts', async () => {
  const starting = TestEngine.notStarted(db.applicationUrl);
  expect(() => starting.engine.requireServing()).toThrow('The server is starting.');
  await starting.crash();
});

test('a stop lets running turns end, refuses new ones, and keeps those that wait', async () => {
  const before = await start();
  const { id } = await before.create();
  const running = await before.send(id, [{ text: 'a' }, { gate: 'drain' }, { text: 'b' }]);
  const waiting = await before.send(id, [{ text: 'after the restart' }]);
  const reading = before.turn(id, running);
  const draining = before.stop(10_000);
  open.splice(open.indexOf(before), 1);
  await expect(before.send(id, 'x')).rejects.toMatchObject({
    code: 'shutting_down',
    retryAfter: expect.any(Number),
  });
  await expect(before.create()).rejects.toMatchObject({ code: 'shutting_down' });
  before.runner.open('drain');
  await draining;
  expect(summary(await reading).slice(-2)).toEqual(['text:b', 'done:end_turn']);

  const after = await start({ runner: new ScriptedRunner(before.runner.volumes) });
  const lastSeq = (await reading).at(-1)?.seq ?? 0;
  const events = await after.turn(id, { turnId: waiting.turnId, afterSeq: lastSeq });
  expect(summary(events)).toContain('text:after the restart');
  // In good order no number is skipped: a reader goes on as if nothing had been.
  expect(events[0]?.seq).toBe(lastSeq + 1);
});

test('a turn that outlasts the drain is interrupted visibly, and not run again', async () => {
  const before = await start();
  const { id } = await before.create();
  const running = await before.send(id, [{ text: 'a' }, { gate: 'never' }]);
  const reading = before.turn(id, running);
  open.splice(open.indexOf(before), 1);
  await before.stop(20);
  expect(summary(await reading).slice(-2)).toEqual(['error:turn_interrupted', 'done:error']);
  const after = await start({ runner: new ScriptedRunner(before.runner.volumes) });
  expect(after.runner.inputs).toEqual([]);
  expect((await after.service.get(CALLER, id)).status).toBe('hibernated');
});

test('readers end with the process', async () => {
  const before = await start();
  const { id } = await before.create();
  await before.say(id, 'hello');
  const reading = collect(await before.follow(id));
  open.splice(open.indexOf(before), 1);
  await before.stop();
  expect(summary(await reading).at(-1)).toBe('done:end_turn');
});

test('volumes that no living session knows are destroyed at the start', async () => {
  const before = await start();
  const kept = await before.create();
  const ended = await before.create();
  await before.say(kept.id, 'x');
  await before.say(ended.id, 'x');
  const volumes = new Map(before.runner.volumes);
  volumes.set('vol_of_nobody', { resumeId: 'r', messages: [] });
  await before.service.end(CALLER, ended.id);
  const after = await start({ runner: new ScriptedRunner(volumes) });
  expect(after.runner.destroyed.sort()).toEqual([`vol_${ended.id}`, 'vol_of_nobody'].sort());
  expect([...after.runner.volumes.keys()]).toEqual([`vol_${kept.id}`]);
});

test('a key whose first request died with the process may be used again', async () => {
  const scope = { orgId: 'org_a', principalId: 'key', route: 'r', key: 'k' };
  const before = await start();
  await before.engine.idempotency.begin(scope, 'digest');
  await crash(before);
  const after = await start();
  expect(await after.engine.idempotency.begin(scope, 'digest')).toEqual({ state: 'fresh' });
});
