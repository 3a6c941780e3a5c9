import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { ScriptedRunner } from './testing/scripted-runner.ts';
import { apiKey, CALLER, FOREIGN_PROJECT, summary, TestEngine } from './testing/test-engine.ts';

const ORG = CALLER.principal.orgId;

let db: TestDatabase;
let t: TestEngine;
beforeAll(async () => {
  db = await startTestDatabase();
  t = await TestEngine.start(db.applicationUrl);
});
afterEach(() => t.stoppedOrgs.clear());
afterAll(async () => {
  await t?.stop();
  await db?.close();
});

async function stopOrg(): Promise<void> {
  t.stoppedOrgs.add(ORG);
  await t.engine.stopOrgs(new Set([ORG]));
}

test('what runs and what waits ends, what ran is told, and the session goes on once it may', async () => {
  const { id } = await t.create();
  const running = await t.send(id, [{ text: 'begun' }, { gate: 'never' }]);
  const waiting = await t.send(id, 'later');
  for await (const event of await t.follow(id)) if (event.type === 'text') break;
  await stopOrg();
  const first = await t.turn(id, running);
  expect(summary(first).slice(-2)).toEqual(['error:org_suspended', 'done:error']);
  expect(first.at(-1)).toMatchObject({ data: { usage: { input_tokens: 3 } } });
  expect(summary(await t.turn(id, waiting)).slice(-2)).toEqual([
    'error:org_suspended',
    'done:error',
  ]);
  expect(t.runner.isLive(id)).toBe(false);
  await expect.poll(async () => (await t.service.get(CALLER, id)).status).toBe('hibernated');

  t.stoppedOrgs.clear();
  expect(summary(await t.say(id, 'back')).at(-1)).toBe('done:end_turn');
});

test('a turn that asks ends too, and one that still waits for its sandbox leaves none', async () => {
  const asking = await t.create();
  const asked = await t.send(asking.id, [{ ask: { tool: 'bash' } }]);
  await t.turn(asking.id, asked, 'pause');
  const starting = await t.create();
  const arrived = Promise.withResolvers<void>();
  const hold = Promise.withResolvers<void>();
  t.runner.beforeAttach = async () => {
    arrived.resolve();
    await hold.promise;
  };
  const slow = await t.send(starting.id, 'slow start');
  await arrived.promise;
  t.runner.beforeAttach = async () => {};
  const stopping = stopOrg();
  expect(summary(await t.turn(starting.id, slow)).at(-2)).toBe('error:org_suspended');
  hold.resolve();
  await stopping;
  expect(summary(await t.turn(asking.id, asked)).slice(-2)).toEqual([
    'error:org_suspended',
    'done:error',
  ]);
  expect([asking.id, starting.id].map((id) => t.runner.isLive(id))).toEqual([false, false]);
});

test('a message that was let in a moment before never reaches a harness', async () => {
  const { id } = await t.create();
  await stopOrg();
  const seen = t.runner.attached.length;
  expect(summary(await t.say(id, 'x'))).toEqual(['error:org_suspended', 'done:error']);
  expect(t.runner.attached).toHaveLength(seen);
});

test('a harness between turns ends, and those of another org go on', async () => {
  const other = apiKey('org_b', null);
  const { session } = await t.service.create(other, FOREIGN_PROJECT, {});
  await t.send(session.id, [{ gate: 'other' }], { caller: other });
  const { id } = await t.create();
  await t.say(id, 'x');
  await expect.poll(() => t.runner.isLive(session.id)).toBe(true);
  await stopOrg();
  expect(t.runner.isLive(id)).toBe(false);
  expect(t.runner.isLive(session.id)).toBe(true);
  t.runner.open('other');
});

test('what waited when the process ended does not run after the next start', async () => {
  const runner = new ScriptedRunner();
  const before = await TestEngine.start(db.applicationUrl, { runner });
  const { id } = await before.create();
  await before.send(id, [{ gate: 'never' }]);
  const waiting = await before.send(id, 'later');
  await before.crash();
  const after = TestEngine.notStarted(db.applicationUrl);
  after.stoppedOrgs.add(ORG);
  await after.engine.start();
  const ended = () =>
    after.database
      .selectFrom('turns')
      .select(['state', 'stop_reason'])
      .where('id', '=', waiting.turnId)
      .executeTakeFirst();
  await expect.poll(ended).toEqual({ state: 'done', stop_reason: 'error' });
  expect(after.runner.inputs).toEqual([]);
  await after.stop();
});
