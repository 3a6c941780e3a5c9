import { type EventBody, foldEvents, type MessageAnswer } from '@karta/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { said } from './testing/memory-sessions.ts';
import { collect, eventsOf, startTestServer } from './testing/test-server.ts';

let server: Awaited<ReturnType<typeof startTestServer>>;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
afterEach(() => {
  server.sessions.script = null;
});

const failed = (code: string): EventBody => ({
  type: 'error',
  data: { code, message: 'it failed', retryable: false },
});

async function send(body: Record<string, unknown>, path?: string) {
  const { id } = await server.session();
  return server.call('POST', path ?? `/v1/sessions/${id}/messages`, { body });
}

describe('a message without stream', () => {
  it('is answered by the folded turn', async () => {
    const { id } = await server.session();
    const body = { text: 'one two three' };
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    const turn = (await answer.json()) as MessageAnswer;
    expect(turn).toEqual({
      text: 'one two three',
      session_id: id,
      agent: 'default',
      turn_id: expect.stringMatching(/^turn_[0-9a-f]{24}$/),
      stop_reason: 'end_turn',
      messages: [
        {
          id: turn.turn_id.replace('turn_', 'msg_'),
          role: 'assistant',
          text: 'one two three',
          parts: [{ type: 'text', text: 'one two three' }],
        },
      ],
      usage: expect.objectContaining({ total_tokens: 0 }),
      pending_input: null,
    });
    expect(server.sessions.sent.at(-1)).toEqual({
      text: 'one two three',
      participant_type: 'human',
      thinking: false,
      stream: false,
      if_busy: 'queue',
      attachments: [],
    });
  });

  it('returns at the first pause', async () => {
    server.sessions.script = [said('before '), 'ask', said('after')];
    const turn = (await (await send({ text: 'go' })).json()) as MessageAnswer;
    expect(turn.stop_reason).toBe('input_required');
    expect(turn.text).toBe('before ');
    expect(turn.pending_input).toMatchObject({ turn_id: turn.turn_id, tool: 'bash' });
  });

  it('tells of errors that the turn met', async () => {
    server.sessions.script = [said('half'), failed('provider_error')];
    const answer = await send({ text: 'go' });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      text: 'half',
      stop_reason: 'error',
      errors: [{ code: 'provider_error', message: 'it failed', retryable: false }],
    });
  });

  it.each([
    ['capacity', 503],
    ['harness_missing', 503],
    ['harness_failed', 503],
    ['storage_full', 507],
  ])('is the problem %s when the platform could not run it', async (code, status) => {
    server.sessions.script = [failed(code)];
    const answer = await send({ text: 'go' });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '5' : null);
    expect(await answer.json()).toMatchObject({ error: code, turn_id: expect.any(String) });
  });

  it('names the agent that was asked for', async () => {
    const turn = (await (await send({ text: 'hi', agent: 'roaster' })).json()) as MessageAnswer;
    expect(turn.agent).toBe('roaster');
  });
});

describe('the stream of a turn and its unary answer', () => {
  const text = fc.string({ maxLength: 6 }).map(said);
  const other = fc.constantFrom<EventBody>(
    { type: 'reasoning', data: { part: { type: 'reasoning', text: 'hm' } } },
    { type: 'tool_use', data: { tool_use_id: 't1', tool_name: 'bash', tool_input: { a: [1] } } },
    { type: 'tool_result', data: { tool_use_id: 't1', output: 'ok', is_error: false } },
    { type: 'step_start', data: { step_index: 0 } },
    { type: 'file', data: { path: 'a.txt', change: 'added' } },
    { type: 'system', data: { kind: 'warming' } },
    failed('provider_error'),
  );

  it('fold equal', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(text, other), { maxLength: 20 }), async (script) => {
        server.sessions.script = script;
        const { id } = await server.session();
        const path = `/v1/sessions/${id}/messages`;
        const unary = await server.call('POST', path, { body: { text: 'go' } });
        const answer = (await unary.json()) as MessageAnswer;
        const body = { text: 'go', stream: true };
        const fold = foldEvents(await collect(eventsOf(await server.call('POST', path, { body }))));
        const withoutIds = (messages: MessageAnswer['messages']) =>
          messages.map(({ id: _id, ...message }) => message);
        expect(fold.text).toBe(answer.text);
        expect(withoutIds(fold.messages as MessageAnswer['messages'])).toEqual(
          withoutIds(answer.messages),
        );
        expect(fold.stop_reason).toBe(answer.stop_reason);
        expect(fold.errors).toEqual(answer.errors ?? []);
        expect(fold.usage).toEqual(answer.usage);
      }),
      { numRuns: 40 },
    );
  });
});

describe('cancel', () => {
  it('ends the running turn', async () => {
    server.sessions.script = [said('begun'), 'hang'];
    const { id } = await server.session();
    const body = { text: 'go', stream: true };
    const stream = eventsOf(await server.call('POST', `/v1/sessions/${id}/messages`, { body }));
    expect((await stream.next()).value).toMatchObject({ type: 'text' });
    const cancelled = await server.call('POST', `/v1/sessions/${id}/cancel`);
    expect(cancelled.status).toBe(200);
    expect(await cancelled.json()).toMatchObject({ id });
    expect((await stream.next()).value).toMatchObject({
      type: 'done',
      data: { stop_reason: 'cancelled' },
    });
  });
});

describe('history', () => {
  it('is a list of messages', async () => {
    const { id } = await server.session();
    const answer = await server.call('GET', `/v1/projects/shop/sessions/${id}/messages`);
    expect(await answer.json()).toEqual({ messages: [] });
  });
});
