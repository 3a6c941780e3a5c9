import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { apiKey, CALLER, summary, TestEngine } from './testing/test-engine.ts';

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

const BY = CALLER.principal.id;

/** Sends, and waits until the turn pauses; resolves to the turn and what the session waits for. */
async function pause(id: string, steps: Parameters<TestEngine['send']>[1]) {
  const accepted = await t.send(id, steps);
  const events = await t.turn(id, accepted, 'pause');
  expect(events.at(-1)?.type).toBe('input_required');
  return { accepted, session: await t.service.get(CALLER, id) };
}

test('an ask pauses the turn, and once approved it goes on', async () => {
  const { id } = await t.create();
  const input = { command: 'npm test', nul: '\0', lone: '\ud800' };
  const { accepted, session } = await pause(id, [
    { ask: { tool: 'bash', input } },
    { text: 'ran' },
  ]);
  expect(session.status).toBe('awaiting_input');
  expect(session.pending_input).toMatchObject({
    request_id: expect.stringMatching(/^inp_/),
    turn_id: accepted.turnId,
    kind: 'permission',
    tool: 'bash',
    tool_input: input,
    options: [],
  });
  const requestId = session.pending_input?.request_id ?? '';
  const answer = await t.service.resolveInput(CALLER, id, requestId, { decision: 'approve_once' });
  expect(answer.turnId).toBe(accepted.turnId);
  const rest = await t.turn(id, answer, 'pause');
  expect(summary(rest)).toEqual([`approve_once:${BY}`, 'text:ran', 'done:end_turn']);
  expect(t.runner.answers.at(-1)?.answer).toEqual({ decision: 'approve_once', message: '' });
  expect(await t.service.get(CALLER, id)).toMatchObject({ pending_input: null, status: 'active' });
  const stored = await t.database.selectFrom('inputs').selectAll().execute();
  expect(JSON.stringify(stored)).not.toContain('npm test');
});

test('a denial always tells the agent something', async () => {
  const { id } = await t.create();
  for (const [message, told] of [
    [undefined, /./],
    ['  ', /./],
    ['use git', /^use git$/],
  ] as const) {
    const { session } = await pause(id, [{ ask: { tool: 'bash' } }]);
    const requestId = session.pending_input?.request_id ?? '';
    const answer = { decision: 'deny' as const, message };
    const resolved = await t.service.resolveInput(CALLER, id, requestId, answer);
    expect(summary(await t.turn(id, resolved)).at(-1)).toBe('done:end_turn');
    expect(t.runner.answers.at(-1)?.answer).toMatchObject({
      decision: 'deny',
      message: expect.stringMatching(told),
    });
  }
});

test('approved for the session: the platform answers what matches, this session only', async () => {
  const { id } = await t.create();
  const ask = { tool: 'bash', input: { command: 'npm test' }, rule: 'npm *' };
  const { session } = await pause(id, [{ ask }]);
  const resolved = await t.service.resolveInput(
    CALLER,
    id,
    session.pending_input?.request_id ?? '',
    {
      decision: 'approve_session',
    },
  );
  await t.turn(id, resolved);
  expect(t.runner.answers.at(-1)?.answer.decision).toBe('approve_once');
  const again = await t.say(id, [
    { ask: { ...ask, input: { command: 'npm ci' } } },
    { text: 'ok' },
  ]);
  expect(summary(again)).toEqual(['approve_once:platform', 'text:ok', 'done:end_turn']);
  await pause(id, [{ ask: { ...ask, rule: 'rm *' } }]);
  const other = await t.create();
  await pause(other.id, [{ ask }]);
});

test('without a rule a grant covers this exact input, however its keys are ordered', async () => {
  const { id } = await t.create();
  const { session } = await pause(id, [
    { ask: { tool: 'write', input: { a: 1, b: { c: 2, d: 3 } } } },
  ]);
  const resolved = await t.service.resolveInput(
    CALLER,
    id,
    session.pending_input?.request_id ?? '',
    {
      decision: 'approve_session',
    },
  );
  await t.turn(id, resolved);
  const same = await t.say(id, [{ ask: { tool: 'write', input: { b: { d: 3, c: 2 }, a: 1 } } }]);
  expect(summary(same)).toEqual(['approve_once:platform', 'done:end_turn']);
  await pause(id, [{ ask: { tool: 'write', input: { a: 1, b: { c: 2, d: 4 } } } }]);
});

test('several may wait: the oldest is shown first, and each answer says what is left', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [
    { asks: [{ tool: 'one' }, { tool: 'two' }, { tool: 'three' }] },
    { join: true },
    { text: 'all answered' },
  ]);
  await expect
    .poll(async () => (await t.service.get(CALLER, id)).pending_inputs.map((input) => input.tool))
    .toEqual(['one', 'two', 'three']);
  const { pending_inputs: waiting, pending_input: oldest } = await t.service.get(CALLER, id);
  expect(oldest?.tool).toBe('one');
  const last = waiting[2]?.request_id ?? '';
  const resolved = await t.service.resolveInput(CALLER, id, last, { decision: 'approve_once' });
  // The turn still waits for the others: the answer returns at once.
  expect(summary(await t.turn(id, resolved, 'pause'))).toEqual([`approve_once:${BY}`]);
  expect((await t.service.get(CALLER, id)).status).toBe('awaiting_input');
  for (const input of waiting.slice(0, 2)) {
    await t.service.resolveInput(CALLER, id, input.request_id, { decision: 'deny' });
  }
  expect(summary(await t.turn(id, accepted)).slice(-2)).toEqual([
    'text:all answered',
    'done:end_turn',
  ]);
});

test('those that come in one millisecond keep their order', async () => {
  const tools = Array.from({ length: 8 }, (_, index) => `tool-${index}`);
  const { id } = await t.create();
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const accepted = await t.send(id, [{ asks: tools.map((tool) => ({ tool })) }, { join: true }]);
    const waiting = async () => (await t.service.get(CALLER, id)).pending_inputs;
    await expect.poll(async () => (await waiting()).length).toBe(tools.length);
    expect((await waiting()).map(({ tool }) => tool)).toEqual(tools);
    for (const { request_id } of await waiting()) {
      await t.service.resolveInput(CALLER, id, request_id, { decision: 'deny' });
    }
    expect(summary(await t.turn(id, accepted)).at(-1)).toBe('done:end_turn');
  } finally {
    vi.useRealTimers();
  }
});

test('a grant also answers what waits beside it', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [
    {
      asks: [
        { tool: 'bash', rule: 'npm *' },
        { tool: 'bash', rule: 'npm *' },
      ],
    },
    { join: true },
  ]);
  await expect.poll(async () => (await t.service.get(CALLER, id)).pending_inputs.length).toBe(2);
  const first = (await t.service.get(CALLER, id)).pending_input?.request_id ?? '';
  await t.service.resolveInput(CALLER, id, first, { decision: 'approve_session' });
  expect(summary(await t.turn(id, accepted)).slice(-3)).toEqual([
    `approve_session:${BY}`,
    'approve_once:platform',
    'done:end_turn',
  ]);
});

test('autonomous: the platform approves each ask once, and answers questions itself', async () => {
  const { id } = await t.create();
  await t.service.patch(CALLER, id, { permission_mode: 'autonomous' });
  const events = await t.say(id, [
    { ask: { tool: 'bash' } },
    { ask: { tool: 'ask_user', kind: 'question' } },
  ]);
  expect(summary(events)).toEqual([
    'system:warming',
    'approve_once:platform',
    'approve_once:platform',
    'done:end_turn',
  ]);
  expect(t.runner.answers.at(-1)?.answer.message).not.toBe('');
});

test('nobody answers: it counts as denied, the turn goes on, and the answer comes too late', async () => {
  const short = await TestEngine.start(db.applicationUrl, { times: { inputExpiry: 50 } });
  const { id } = await short.create();
  const accepted = await short.send(id, [{ ask: { tool: 'bash' } }, { text: 'without it' }]);
  const asked = (await short.turn(id, accepted, 'pause')).at(-1);
  const events = await short.turn(id, accepted);
  expect(summary(events).slice(-4)).toEqual([
    'deny:platform',
    'error:input_expired',
    'text:without it',
    'done:end_turn',
  ]);
  const requestId = asked?.type === 'input_required' ? asked.data.request_id : '';
  await expect(
    short.service.resolveInput(CALLER, id, requestId, { decision: 'deny' }),
  ).rejects.toMatchObject({ code: 'input_expired' });
  await short.stop();
});

test('unknown, foreign and answered inputs are told apart as the contract says', async () => {
  const { id } = await t.create();
  const other = await t.create();
  const { session } = await pause(id, [{ ask: { tool: 'bash' } }]);
  const requestId = session.pending_input?.request_id ?? '';
  const approve = { decision: 'approve_once' as const };
  await expect(t.service.resolveInput(CALLER, id, 'inp_x', approve)).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(t.service.resolveInput(CALLER, other.id, requestId, approve)).rejects.toMatchObject({
    code: 'not_found',
  });
  await expect(
    t.service.resolveInput(apiKey('org_b', null), id, requestId, approve),
  ).rejects.toMatchObject({ code: 'not_found' });
  const answers = await Promise.allSettled(
    Array.from({ length: 5 }, () => t.service.resolveInput(CALLER, id, requestId, approve)),
  );
  expect(answers.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
  for (const one of answers) {
    if (one.status === 'rejected') expect(one.reason.code).toBe('input_already_resolved');
  }
});

test('asks that the harness drops are resolved by the harness', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [
    { asks: [{ tool: 'one' }, { tool: 'two' }] },
    { drop: { tool: 'one', decision: 'deny' } },
    { join: true },
  ]);
  await expect
    .poll(async () => (await t.service.get(CALLER, id)).pending_inputs.map((input) => input.tool))
    .toEqual(['two']);
  await t.service.cancel(CALLER, id);
  expect(summary(await t.turn(id, accepted))).toEqual([
    'system:warming',
    'asks:one',
    'asks:two',
    'deny:harness',
    'deny:harness',
    'done:cancelled',
  ]);
  const rows = await t.database
    .selectFrom('inputs')
    .select(['id', 'state', 'decided_by', 'tool_input'])
    .where('session_id', '=', id)
    .execute();
  expect(rows).toMatchObject([
    { state: 'dropped', decided_by: 'harness', tool_input: 'null' },
    { state: 'dropped', decided_by: 'harness', tool_input: 'null' },
  ]);
  // Nobody answered them: a late answer is told so, and not that there was one before.
  for (const row of rows) {
    await expect(
      t.service.resolveInput(CALLER, id, row.id, { decision: 'approve_once' }),
    ).rejects.toMatchObject({ code: 'input_expired' });
  }
});

test('an approval that the platform did not give ends the turn', async () => {
  const { id } = await t.create();
  const events = await t.say(id, [
    { asks: [{ tool: 'bash' }] },
    { drop: { tool: 'bash', decision: 'approve_once' } },
    { gate: 'never-bypassed' },
  ]);
  expect(summary(events).slice(-2)).toEqual(['error:approval_bypassed', 'done:error']);
});
