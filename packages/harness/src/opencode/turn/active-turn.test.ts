import { expect, test } from 'vitest';
import type { HarnessEvent } from '../../port.ts';
import { parseEvent } from '../events/schema.ts';
import { ActiveTurn, type TurnServer } from './active-turn.ts';
import { Family } from './family.ts';

const never = new AbortController().signal;

/** A turn over a server whose every request can be seen and answered by the test. */
function turnOver(server: Partial<TurnServer> = {}) {
  const asked: string[] = [];
  const prompted = Promise.withResolvers<void>();
  const setup = {
    family: new Family('ses_root'),
    workspace: '/workspace',
    thinking: false,
    retiredAsks: new Set<string>(),
    now: Date.now,
  };
  const turn = new ActiveTurn(setup, {
    prompt: async () => {
      asked.push('prompt');
      prompted.resolve();
    },
    abort: async () => {
      asked.push('abort');
    },
    reply: async ({ request, answer }) => {
      asked.push(`${answer?.decision} ${request.id}`);
      return true;
    },
    withdraw: async ({ request }) => {
      asked.push(`withdraw ${request.id}`);
    },
    kill: () => asked.push('kill'),
    ...server,
  });
  return { turn, asked, prompted: prompted.promise };
}

async function accept(turn: ActiveTurn, type: string, properties: object): Promise<void> {
  const event = parseEvent({ type, properties });
  if (event !== null) await turn.accept(event);
}

const status = (turn: ActiveTurn, type: 'busy' | 'idle') =>
  accept(turn, 'session.status', { sessionID: 'ses_root', status: { type } });

const message = (turn: ActiveTurn, id: string, role: 'user' | 'assistant', completed?: number) =>
  accept(turn, 'message.updated', {
    info: { id, sessionID: 'ses_root', role, time: { created: 1, completed } },
  });

const ask = (turn: ActiveTurn, id: string) =>
  accept(turn, 'permission.asked', {
    ...{ id, sessionID: 'ses_root', permission: 'bash', patterns: [id] },
  });

async function read(turn: ActiveTurn, signal: AbortSignal): Promise<HarnessEvent[]> {
  const events: HarnessEvent[] = [];
  for await (const batch of turn.run(signal)) events.push(...batch);
  await turn.ended;
  return events.map(({ raw: _, ...event }) => event as HarnessEvent);
}

test('a turn that was cancelled before it began asks nothing of the server', async () => {
  const { turn, asked } = turnOver();
  expect(await read(turn, AbortSignal.abort())).toEqual([{ type: 'end', stopReason: 'cancelled' }]);
  expect(asked).toEqual([]);
});

test('a whole turn ends once, whatever comes after it', async () => {
  const { turn, prompted } = turnOver();
  const reading = read(turn, never);
  await prompted;
  await message(turn, 'msg_1', 'user');
  await status(turn, 'busy');
  await message(turn, 'msg_2', 'assistant', 2);
  await status(turn, 'idle');
  await status(turn, 'idle');
  expect(await reading).toEqual([{ type: 'end', stopReason: 'end_turn' }]);
  turn.fail({ type: 'error', code: 'harness_exited', message: 'late', retryable: false });
});

test('a rest that is told before the answer begins is not the end', async () => {
  const { turn, prompted } = turnOver();
  const reading = read(turn, never);
  await prompted;
  await message(turn, 'msg_1', 'user');
  await status(turn, 'busy');
  await status(turn, 'idle');
  await status(turn, 'busy');
  await message(turn, 'msg_2', 'assistant');
  await accept(turn, 'message.part.updated', {
    part: { type: 'text', id: 'p', messageID: 'msg_2', sessionID: 'ses_root', text: 'still here' },
  });
  await message(turn, 'msg_2', 'assistant', 2);
  await status(turn, 'idle');
  expect(await reading).toMatchObject([{ type: 'text', text: 'still here' }, { type: 'end' }]);
});

test('a prompt that is refused is an error', async () => {
  const { turn } = turnOver({ prompt: () => Promise.reject(new Error('prompting failed (500)')) });
  expect(await read(turn, never)).toMatchObject([
    { type: 'error', code: 'internal', message: expect.stringContaining('500') },
    { type: 'end', stopReason: 'error' },
  ]);
});

test('an abort is sent when the prompt was taken up, not before', async () => {
  const { turn, asked, prompted } = turnOver();
  const abort = new AbortController();
  const reading = read(turn, abort.signal);
  await prompted;
  abort.abort();
  expect(asked).toEqual(['prompt']);
  await message(turn, 'msg_1', 'user');
  await status(turn, 'busy');
  expect(asked).toEqual(['prompt', 'abort']);
  await status(turn, 'idle');
  expect(await reading).toEqual([{ type: 'end', stopReason: 'cancelled' }]);
});

test('asks that wait when a turn is cancelled are dropped, and taken back from the server', async () => {
  const { turn, asked, prompted } = turnOver();
  const abort = new AbortController();
  const reading = read(turn, abort.signal);
  await prompted;
  await message(turn, 'msg_1', 'user');
  await status(turn, 'busy');
  await ask(turn, 'per_1');
  abort.abort();
  await status(turn, 'idle');
  expect(await reading).toMatchObject([
    { type: 'ask', requestId: 'per_1' },
    { type: 'ask_resolved', requestId: 'per_1', decision: 'deny', by: 'harness' },
    { type: 'end', stopReason: 'cancelled' },
  ]);
  expect(asked).toContain('withdraw per_1');
  expect(await turn.answer('per_1', { decision: 'approve_once', message: '' })).toBe(false);
});

test('a server that died is not asked for anything', async () => {
  const { turn, asked, prompted } = turnOver({ withdraw: () => new Promise(() => {}) });
  const reading = read(turn, never);
  await prompted;
  await status(turn, 'busy');
  await ask(turn, 'per_1');
  turn.fail({ type: 'error', code: 'harness_exited', message: 'gone', retryable: true });
  expect(await reading).toMatchObject([
    { type: 'ask' },
    { type: 'error', code: 'harness_exited' },
    { type: 'ask_resolved', by: 'harness' },
    { type: 'end', stopReason: 'error' },
  ]);
  expect(asked).toEqual(['prompt']);
});

test('an answer for which the server does not wait any more is refused', async () => {
  const { turn, prompted } = turnOver({ reply: async () => false });
  const reading = read(turn, never);
  await prompted;
  await message(turn, 'msg_1', 'user');
  await status(turn, 'busy');
  await ask(turn, 'per_1');
  expect(await turn.answer('per_1', { decision: 'approve_once', message: '' })).toBe(false);
  await message(turn, 'msg_2', 'assistant', 2);
  await status(turn, 'idle');
  await reading;
});

test('a reader that leaves early stops the turn', async () => {
  const { turn, asked, prompted } = turnOver();
  const events = turn.run(never);
  const first = events.next();
  await prompted;
  await message(turn, 'msg_1', 'user');
  await status(turn, 'busy');
  await ask(turn, 'per_1');
  await first;
  await events.return(undefined);
  expect(asked).toContain('abort');
  await status(turn, 'idle');
  expect(await turn.ended).toBe('end_turn');
});
