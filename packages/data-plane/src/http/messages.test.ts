import {
  foldEvents,
  type HistoryMessage,
  KartaError,
  type KartaEvent,
  type MessageAnswer,
  type Session,
} from '@karta/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Step } from '../sessions/testing/scripted-runner.ts';
import { startEngineServer } from './testing/engine-server.ts';
import { collect, eventsOf } from './testing/serve-test.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
beforeAll(async () => {
  server = await startEngineServer();
});
afterAll(() => server.close());
afterEach(() => {
  server.runner.beforeAttach = async () => {};
});

async function send(body: Record<string, unknown>) {
  const { id } = await server.session();
  return server.call('POST', `/v1/sessions/${id}/messages`, { body });
}

describe('a message without stream', () => {
  it('is answered by the folded turn', async () => {
    const { id } = await server.session();
    const body = { text: server.script({ text: 'one ' }, { text: 'two' }) };
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    const turn = (await answer.json()) as MessageAnswer;
    expect(turn).toEqual({
      text: 'one two',
      session_id: id,
      agent: 'default',
      turn_id: expect.stringMatching(/^turn_[0-9a-f]{24}$/),
      stop_reason: 'end_turn',
      messages: [
        {
          id: turn.turn_id.replace('turn_', 'msg_'),
          role: 'assistant',
          text: 'one two',
          parts: [{ type: 'text', text: 'one two' }],
        },
      ],
      usage: {
        input_tokens: 3,
        cache_read_tokens: 0,
        cache_write_tokens: 0,
        output_tokens: 7,
        total_tokens: 10,
      },
      pending_input: null,
    });
  });

  it('returns at the first pause', async () => {
    const text = server.script({ text: 'before ' }, { ask: { tool: 'bash' } }, { text: 'after' });
    const turn = (await (await send({ text })).json()) as MessageAnswer;
    expect(turn.stop_reason).toBe('input_required');
    expect(turn.text).toBe('before ');
    expect(turn.pending_input).toMatchObject({ turn_id: turn.turn_id, tool: 'bash' });
  });

  it('tells of errors that the turn met', async () => {
    const error = { code: 'provider_auth', message: 'refused' } as const;
    const answer = await send({ text: server.script({ text: 'half' }, { error }) });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      text: 'half',
      stop_reason: 'error',
      errors: [{ ...error, retryable: false }],
    });
  });

  it.each([
    ['capacity', 503],
    ['harness_missing', 503],
    ['harness_failed', 503],
    ['storage_full', 507],
  ] as const)('is the problem %s when the platform could not run it', async (code, status) => {
    server.runner.beforeAttach = () => Promise.reject(new KartaError(code, 'it failed'));
    const answer = await send({ text: 'go' });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '5' : null);
    expect(await answer.json()).toMatchObject({ error: code, turn_id: expect.any(String) });
  });

  it('names the agent that was asked for', async () => {
    const turn = (await (await send({ text: 'hi', agent: 'reviewer' })).json()) as MessageAnswer;
    expect(turn.agent).toBe('reviewer');
  });
});

describe('the stream of a turn and its unary answer', () => {
  const step = fc.oneof(
    fc.string({ maxLength: 6 }).map((text): Step => ({ text })),
    fc.string({ maxLength: 6 }).map((reasoning): Step => ({ reasoning })),
    fc.integer({ min: 1, max: 4 }).map((deltas): Step => ({ deltas })),
    fc.constantFrom<Step>({ error: { code: 'provider_auth', message: 'no' } }, { throws: 'x' }),
  );

  it('fold equal', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), fc.boolean(), async (steps, thinking) => {
        const { id } = await server.session();
        const path = `/v1/sessions/${id}/messages`;
        const message = { text: server.script({ text: '' }, ...steps), thinking };
        const unary = await server.call('POST', path, { body: message });
        const answer = (await unary.json()) as MessageAnswer;
        const body = { ...message, stream: true };
        const fold = foldEvents(await collect(eventsOf(await server.call('POST', path, { body }))));
        const withoutIds = (messages: readonly { id: string }[]) =>
          messages.map(({ id: _id, ...message }) => message);
        expect(fold.text).toBe(answer.text);
        expect(withoutIds(fold.messages)).toEqual(withoutIds(answer.messages));
        expect(fold.stop_reason).toBe(answer.stop_reason);
        expect(fold.errors).toEqual(answer.errors ?? []);
        expect(fold.usage).toEqual(answer.usage);
      }),
      { numRuns: 30 },
    );
  });
});

describe('cancel', () => {
  it('ends the running turn', async () => {
    const { id } = await server.session();
    const body = { text: server.script({ text: 'begun' }, { gate: 'never' }), stream: true };
    const stream = eventsOf(await server.call('POST', `/v1/sessions/${id}/messages`, { body }));
    for await (const event of stream) {
      if (event.type !== 'text') continue;
      const cancelled = await server.call('POST', `/v1/sessions/${id}/cancel`);
      expect(cancelled.status).toBe(200);
      expect(await cancelled.json()).toMatchObject({ id, status: 'active' });
      break;
    }
    const rest = await server.call('GET', `/v1/sessions/${id}/events?until=done`);
    expect((await collect(eventsOf(rest))).at(-1)).toMatchObject({
      type: 'done',
      data: { stop_reason: 'cancelled' },
    });
  });
});

describe('an input', () => {
  async function asked(path: string, ...steps: Step[]): Promise<MessageAnswer> {
    const body = { text: server.script(...steps) };
    return (await (
      await server.call('POST', `${path}/messages`, { body })
    ).json()) as MessageAnswer;
  }
  const ask: Step = { ask: { tool: 'bash', input: { command: 'ls' } } };

  it.each(['/v1', '/v1/projects/shop'])('is answered on %s, up to done', async (prefix) => {
    const { id } = await server.session();
    const path = `${prefix}/sessions/${id}`;
    const { pending_input } = await asked(path, ask, { text: 'after' });
    const put = `${path}/inputs/${pending_input?.request_id}`;
    const answer = await server.call('PUT', put, { body: { decision: 'approve_once' } });
    expect(answer.status).toBe(200);
    const { events, session } = (await answer.json()) as {
      events: KartaEvent[];
      session: Session;
    };
    expect(events.map((event) => event.type)).toEqual(['input_resolved', 'text', 'done']);
    expect(session).toMatchObject({ id, status: 'active', pending_input: null });
    const again = await server.call('PUT', put, { body: { decision: 'deny' } });
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ error: 'input_already_resolved' });
  });

  it('answers up to the next pause', async () => {
    const { id } = await server.session();
    const { pending_input } = await asked(`/v1/sessions/${id}`, ask, { text: 'then' }, ask);
    const put = `/v1/sessions/${id}/inputs/${pending_input?.request_id}`;
    const answer = await server.call('PUT', put, { body: { decision: 'deny', message: 'no' } });
    const { events, session } = (await answer.json()) as {
      events: KartaEvent[];
      session: Session;
    };
    expect(events.map((event) => event.type)).toEqual(['input_resolved', 'text', 'input_required']);
    expect(session.status).toBe('awaiting_input');
    expect(session.pending_input?.request_id).not.toBe(pending_input?.request_id);
  });

  it('streams to done when asked to', async () => {
    const { id } = await server.session();
    const { pending_input } = await asked(`/v1/sessions/${id}`, ask, { text: 'after' });
    const put = `/v1/sessions/${id}/inputs/${pending_input?.request_id}`;
    const body = { decision: 'approve_session', stream: true };
    const events = await collect(eventsOf(await server.call('PUT', put, { body })));
    expect(events.map((event) => event.type)).toEqual(['input_resolved', 'text', 'done']);
  });

  it('that nobody asked is 404', async () => {
    const { id } = await server.session();
    const body = { decision: 'deny' };
    const answer = await server.call('PUT', `/v1/sessions/${id}/inputs/inp_1`, { body });
    expect(answer.status).toBe(404);
  });
});

describe('history', () => {
  it("is the harness's own, with who said what", async () => {
    const { id } = await server.session();
    const path = `/v1/projects/shop/sessions/${id}/messages`;
    const body = { text: 'hello', participant_name: 'ann' };
    await (await server.call('POST', path, { body })).json();
    const { messages } = (await (await server.call('GET', path)).json()) as {
      messages: HistoryMessage[];
    };
    expect(messages.map(({ role, unverified }) => [role, unverified])).toEqual([
      ['user', false],
      ['assistant', false],
    ]);
    expect(messages[0]?.sender).toEqual({ name: 'ann', type: 'human' });
  });
});

describe('a busy session', () => {
  it('queues, or refuses with 409 when told to', async () => {
    const { id } = await server.session();
    const path = `/v1/sessions/${id}/messages`;
    const first = server.call('POST', path, {
      body: { text: server.script({ gate: 'busy' }), stream: true },
    });
    await first;
    const refused = await server.call('POST', path, { body: { text: 'x', if_busy: 'reject' } });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ error: 'session_busy' });
    const queued = server.call('POST', path, { body: { text: 'second', stream: true } });
    const turns = await queued;
    server.runner.open('busy');
    const events = await collect(eventsOf(turns));
    expect(new Set(events.map((event) => event.turn_id)).size).toBe(1);
    expect(foldEvents(events).text).toBe('echo: second');
    await (await first).text();
  });
});
