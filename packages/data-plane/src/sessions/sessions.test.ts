import { type KartaError, LIMITS, newId, type Session } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import type { Caller, ListQuery } from './port.ts';
import {
  apiKey,
  CALLER,
  collect,
  FOREIGN_PROJECT,
  OTHER_PROJECT,
  PROJECT,
  sessionToken,
  TestEngine,
} from './testing/test-engine.ts';

let db: TestDatabase;
let t: TestEngine;

beforeAll(async () => {
  db = await startTestDatabase();
  t = await TestEngine.start(db.applicationUrl);
});
afterAll(async () => {
  await t?.stop();
  await db?.close();
});

const list = (query: Partial<ListQuery>, caller = CALLER) =>
  t.service.list(caller, { metadata: {}, limit: 100, ...query });

test('a fresh session is as the contract says', async () => {
  const { session, created } = await t.service.create(CALLER, PROJECT, { metadata: { tier: 'a' } });
  expect(created).toBe(true);
  expect(session).toEqual({
    id: expect.stringMatching(/^sess_[0-9a-f]{24}$/),
    metadata: { tier: 'a' },
    current_agent: 'default',
    status: 'active',
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/),
    updated_at: session.created_at,
    parent_id: null,
    pending_input: null,
    pending_inputs: [],
    permission_mode: null,
    participants: [],
    isolation: null,
  });
});

test('the project family shows the project and the version that the session is pinned to', async () => {
  const onProject = apiKey('org_a', PROJECT);
  const { session } = await t.service.create(onProject, PROJECT, {});
  expect(session.project).toEqual({ ref: 'shop', project_id: PROJECT.id, version: 'v3' });
  const moved = { ...PROJECT, activeReleaseId: 'rel_other' };
  const resumed = await t.service.create(apiKey('org_a', moved), moved, { session_id: session.id });
  expect(resumed).toMatchObject({ created: false, session: { project: { version: 'v3' } } });
});

test('a project without an active release takes no sessions', async () => {
  const unpublished = { ...PROJECT, activeReleaseId: null };
  await expect(t.service.create(CALLER, unpublished, {})).rejects.toMatchObject({
    code: 'no_active_release',
  });
});

test('what is absent and what is foreign is the same 404, everywhere', async () => {
  const { id } = await t.create();
  const theirs = apiKey('org_b', null);
  const onOther = apiKey('org_a', OTHER_PROJECT);
  const absent = `sess_${'0'.repeat(24)}`;
  const cases: [typeof CALLER, string][] = [
    [CALLER, absent],
    [CALLER, 'sess_\0'],
    [CALLER, "' or 1=1"],
    [theirs, id],
    [onOther, id],
    [sessionToken('jti_1', 'ann'), id],
  ];
  for (const [caller, target] of cases) {
    const calls = [
      t.service.get(caller, target),
      t.service.patch(caller, target, { metadata: { a: 1 } }),
      t.service.end(caller, target),
      t.service.cancel(caller, target),
      t.send(target, 'x', { caller }),
      t.service.resolveInput(caller, target, 'inp_1', { decision: 'deny' }),
      t.service.history(caller, target),
      t.service.listFiles(caller, target),
      t.service.create(caller, PROJECT, { session_id: target }),
      t.service.events(caller, target, {
        after: 0,
        signal: new AbortController().signal,
        raw: false,
      }),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({
        status: 'rejected',
        reason: { code: 'not_found', message: 'There is no such session.' },
      });
    }
  }
  expect((await t.service.get(CALLER, id)).metadata).toEqual({});
});

test('a session token sees the sessions of its end user, or those made with itself', async () => {
  const ann = sessionToken('jti_ann', 'ann');
  const annAgain = sessionToken('jti_ann_2', 'ann');
  const nobody = sessionToken('jti_x', null);
  const other = sessionToken('jti_y', null);
  const hers = await t.create({}, ann);
  const anonymous = await t.create({}, nobody);
  expect((await t.service.get(annAgain, hers.id)).id).toBe(hers.id);
  await expect(t.service.get(nobody, hers.id)).rejects.toMatchObject({ code: 'not_found' });
  expect((await t.service.get(nobody, anonymous.id)).id).toBe(anonymous.id);
  await expect(t.service.get(other, anonymous.id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(t.service.get(ann, anonymous.id)).rejects.toMatchObject({ code: 'not_found' });
  expect((await list({}, ann)).sessions.map((session) => session.id)).toEqual([hers.id]);
});

test('what a test credential made is for test credentials, and the other way round', async () => {
  const live = apiKey('org_a', null);
  const tests = { ...live, principal: { ...live.principal, mode: 'test' } as const };
  const [ours, theirs] = [await t.create({}, live), await t.create({}, tests)];
  await t.send(theirs.id, 'hi', { caller: tests });
  // Now it is live, and known without the database.
  await expect(t.send(theirs.id, 'hi')).rejects.toMatchObject({ code: 'not_found' });
  expect((await t.service.get(tests, theirs.id)).id).toBe(theirs.id);
  await expect(t.service.get(live, theirs.id)).rejects.toMatchObject({ code: 'not_found' });
  await expect(t.service.get(tests, ours.id)).rejects.toMatchObject({ code: 'not_found' });
  expect((await list({}, tests)).sessions.map(({ id }) => id)).toEqual([theirs.id]);
  expect((await list({}, live)).sessions.map(({ id }) => id)).not.toContain(theirs.id);
});

test('who may know of a session is the same in memory and on disk', async () => {
  const callers = [
    ...[PROJECT, OTHER_PROJECT, null].map((project) => apiKey('org_a', project)),
    ...[FOREIGN_PROJECT, null].map((project) => apiKey('org_b', project)),
    ...['jti_1', 'jti_2'].flatMap((id) => [null, 'ann', 'bob'].map((sub) => sessionToken(id, sub))),
  ];
  const makers = callers.filter(({ project }) => project !== null);
  for (const maker of makers) {
    const made = await t.service.create(maker, maker.project ?? PROJECT, { metadata: {} });
    const { id } = made.session;
    const bound = [id, newId('session')].flatMap((sessionId) =>
      [null, 'ann'].map((sub) => sessionToken('jti_1', sub, { sessionId })),
    );
    const told = (ask: (caller: Caller) => Promise<unknown>) =>
      Promise.all(
        [...callers, ...bound].map((caller) =>
          ask(caller).then(
            () => 'known',
            (error: KartaError) => error.code,
          ),
        ),
      );
    const query = { after: 0, raw: false, signal: AbortSignal.abort() };
    const onDisk = await told((caller) => t.service.get(caller, id));
    expect(t.engine.live.get(id)).toBeUndefined();
    await t.service.events(maker, id, query);
    expect(t.engine.live.get(id)).toBeDefined();
    expect(await told((caller) => t.service.events(caller, id, query))).toEqual(onDisk);
    expect(new Set(onDisk)).toEqual(new Set(['known', 'not_found']));
  }
});

test('match finds the newest living session with these values, or makes one', async () => {
  const body = { metadata: { customer_id: 'c1', nested: { a: [1, 2] } }, match: ['customer_id'] };
  const first = await t.service.create(CALLER, PROJECT, body);
  const second = await t.service.create(CALLER, PROJECT, { ...body, match: ['nested'] });
  expect([first.created, second.created]).toEqual([true, false]);
  expect(second.session.id).toBe(first.session.id);
  const other = { metadata: { customer_id: 'c2' }, match: ['customer_id'] };
  expect((await t.service.create(CALLER, PROJECT, other)).created).toBe(true);
  expect((await t.service.create(CALLER, OTHER_PROJECT, body)).created).toBe(true);
  await t.service.end(CALLER, first.session.id);
  const after = await t.service.create(CALLER, PROJECT, body);
  expect(after.created).toBe(true);
  await expect(
    t.service.create(CALLER, PROJECT, { metadata: {}, match: ['customer_id'] }),
  ).rejects.toMatchObject({ code: 'validation_failed' });
});

test('many that route by the same values at once get one session', async () => {
  const body = { metadata: { room: 'r1' }, match: ['room'] };
  const opened = await Promise.all(
    Array.from({ length: 24 }, () => t.service.create(CALLER, PROJECT, body)),
  );
  expect(new Set(opened.map((one) => one.session.id)).size).toBe(1);
  expect(opened.filter((one) => one.created)).toHaveLength(1);
});

test('lists are newest first, filtered, paged by an opaque cursor', async () => {
  const metadata = { batch: `list ${newId('session')}` };
  const made: Session[] = [];
  for (let n = 0; n < 7; n += 1) made.push(await t.create({ metadata: { ...metadata, n } }));
  // Those of one millisecond stand by their ids.
  const ids = made
    .sort((a, b) => b.created_at.localeCompare(a.created_at) || (a.id < b.id ? 1 : -1))
    .map(({ id }) => id);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await list({ metadata, limit: 3, cursor });
    seen.push(...page.sessions.map((session) => session.id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual(ids);
  expect((await list({ metadata: { ...metadata, n: '4' } })).sessions).toHaveLength(1);
  const shouted = { batch: metadata.batch.toUpperCase() };
  expect((await list({ metadata: shouted })).sessions).toEqual([]);
  expect((await list({ metadata, status: 'ended' })).sessions).toEqual([]);
  expect((await list({ metadata }, apiKey('org_b', null))).sessions).toEqual([]);
  expect((await list({ metadata }, apiKey('org_a', OTHER_PROJECT))).sessions).toEqual([]);
  for (const bad of ['x', 'e30', Buffer.from('[1,"x"]').toString('base64url')]) {
    await expect(list({ cursor: bad })).rejects.toMatchObject({ code: 'validation_failed' });
  }
});

test('patch merges metadata, removes by null, and keeps the limits', async () => {
  const { id } = await t.create({ metadata: { keep: 1, drop: 2 } });
  const patched = await t.service.patch(CALLER, id, { metadata: { drop: null, add: [true] } });
  expect(patched.metadata).toEqual({ keep: 1, add: [true] });
  expect((await list({ metadata: { drop: '2', keep: '1' } })).sessions).toEqual([]);
  const many = Object.fromEntries(
    Array.from({ length: LIMITS.metadataKeys }, (_, n) => [`k${n}`, n]),
  );
  await expect(t.service.patch(CALLER, id, { metadata: many })).rejects.toMatchObject({
    code: 'validation_failed',
  });
  expect((await t.service.get(CALLER, id)).metadata).toEqual({ keep: 1, add: [true] });
});

test('patch at once from many sides loses nothing', async () => {
  const { id } = await t.create();
  await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      t.service.patch(CALLER, id, { metadata: { [`k${n}`]: n } }),
    ),
  );
  expect(Object.keys((await t.service.get(CALLER, id)).metadata)).toHaveLength(10);
});

test('patch sets an agent that exists and a mode, the mode by API keys only', async () => {
  const { id } = await t.create();
  expect(await t.service.patch(CALLER, id, { current_agent: 'reviewer' })).toMatchObject({
    current_agent: 'reviewer',
  });
  await expect(t.service.patch(CALLER, id, { current_agent: 'x' })).rejects.toMatchObject({
    code: 'unknown_agent',
    message: expect.stringContaining('default, reviewer'),
  });
  expect(await t.service.patch(CALLER, id, { permission_mode: 'autonomous' })).toMatchObject({
    permission_mode: 'autonomous',
    current_agent: 'reviewer',
  });
  const ann = sessionToken('jti_p', 'ann');
  const hers = await t.create({}, ann);
  await expect(
    t.service.patch(ann, hers.id, { permission_mode: 'autonomous' }),
  ).rejects.toMatchObject({ code: 'forbidden' });
});

test('what was patched holds for the next message, whoever patched last', async () => {
  const { id } = await t.create();
  await t.say(id, 'x');
  const agents = ['reviewer', 'default', 'reviewer', 'default'];
  await Promise.all(agents.map((name) => t.service.patch(CALLER, id, { current_agent: name })));
  const { current_agent: last } = await t.service.get(CALLER, id);
  expect((await t.send(id, 'y')).agent).toBe(last);
  await t.service.patch(CALLER, id, { current_agent: 'reviewer' });
  expect((await t.send(id, 'z')).agent).toBe('reviewer');
});

test('an ended session is gone: turns end, readers end, the volume is destroyed', async () => {
  const { id } = await t.create({ metadata: { secret: 'x' } });
  const running = await t.send(id, [{ text: 'a' }, { gate: 'never-e' }]);
  const waiting = await t.send(id, 'later');
  const reading = collect(await t.follow(id));
  await t.service.end(CALLER, id);
  const events = await reading;
  const dones = events.filter((event) => event.type === 'done');
  expect(dones.map((event) => [event.turn_id, event.data.stop_reason])).toEqual([
    [running.turnId, 'cancelled'],
    [waiting.turnId, 'cancelled'],
  ]);
  await expect(t.service.get(CALLER, id)).rejects.toMatchObject({ code: 'not_found' });
  expect(t.runner.destroyed).toContain(`vol_${id}`);
  const row = await t.database
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  expect(row).toMatchObject({ metadata: {}, status: 'ended' });
});

test('a session without a turn for its whole life ends, and can still be seen', async () => {
  const { id } = await t.create({ metadata: { old: true } });
  await t.say(id, 'hello');
  await t.database
    .updateTable('sessions')
    .set({ active_at: new Date(Date.now() - LIMITS.sessionTtlMs - 1000) })
    .where('id', '=', id)
    .execute();
  await t.engine.expire();
  expect(await t.service.get(CALLER, id)).toMatchObject({
    status: 'ended',
    metadata: { old: true },
  });
  expect(t.runner.destroyed).toContain(`vol_${id}`);
  await expect(t.send(id, 'x')).rejects.toMatchObject({ code: 'session_ended' });
  await expect(t.service.create(CALLER, PROJECT, { session_id: id })).rejects.toMatchObject({
    code: 'session_ended',
  });
  expect(await collect(await t.follow(id))).toEqual([]);
});

test('a key is completed in the very transaction that makes the session or the turn', async () => {
  const scope = { orgId: 'org_a', principalId: CALLER.principal.id, route: 'r', key: 'k1' };
  await t.engine.idempotency.begin(scope, 'digest');
  const remember = {
    route: 'r',
    key: 'k1',
    status: 201,
    objectIdOf: (made: { id: string }) => made.id,
  };
  const { session } = await t.service.create(CALLER, PROJECT, {}, remember);
  expect(await t.engine.idempotency.begin(scope, 'digest')).toEqual({
    state: 'done',
    objectId: session.id,
    status: 201,
  });
  const forTurn = { ...scope, key: 'k2' };
  await t.engine.idempotency.begin(forTurn, 'digest');
  const turn = await t.send(session.id, 'x', {
    remember: { route: 'r', key: 'k2', status: 200, objectIdOf: (made) => made.turnId },
  });
  expect(await t.engine.idempotency.begin(forTurn, 'digest')).toEqual({
    state: 'done',
    objectId: turn.turnId,
    status: 200,
  });
});
