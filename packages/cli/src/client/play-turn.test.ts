import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type EventBody, type KartaEvent, sseFrame } from '@karta/protocol';
import { Karta } from '@karta/sdk';
import { describe, expect, test } from 'vitest';
import { json, problem, scriptedServer } from '../../../sdk/test/scripted-server.ts';
import { done, eventsOf, text } from '../../../sdk/test/turn-events.ts';
import { captured } from '../../test/captured-terminal.ts';
import { answerTo, approver } from './approvals.ts';
import { playTurn } from './play-turn.ts';

const ask: EventBody = {
  type: 'input_required',
  data: {
    request_id: 'inp_1',
    kind: 'permission',
    tool: 'bash',
    message: 'Run it?',
    tool_input: { command: 'ls' },
    options: [],
  },
};

/** A server whose turn pauses for an approval and goes on when `release` is called. */
async function askingServer(answerInput: (response: ServerResponse, release: () => void) => void) {
  const [first, second, last] = eventsOf('turn_a', [ask, text('went on'), done('went on')]);
  const gate = Promise.withResolvers<void>();
  return scriptedServer(async (request, response) => {
    if (request.method === 'PUT') return answerInput(response, gate.resolve);
    if (request.url.pathname.endsWith('/cancel')) {
      gate.resolve();
      return json(response, 200, {});
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(sseFrame(first as KartaEvent));
    await Promise.race([gate.promise, once(response, 'close')]);
    response.end([second, last].map((event) => sseFrame(event as KartaEvent)).join(''));
  });
}

function session(url: string) {
  return new Karta({ apiKey: 'k', baseUrl: url }).sessions.open('sess_1');
}

describe('a turn that asks', () => {
  test('goes on with the answer given, and every event is shown once', async () => {
    await using server = await askingServer((response, release) => {
      release();
      json(response, 200, { events: [], session: {} });
    });
    const seen: string[] = [];
    const turn = await playTurn(session(server.url), 'hi', {
      show: (event) => void seen.push(event.type),
      approver: async () => ({ decision: 'approve_session' }),
      cancel: new AbortController().signal,
    });
    expect(turn).toMatchObject({ text: 'went on', stop_reason: 'end_turn' });
    expect(seen).toEqual(['input_required', 'text', 'done']);
    const put = server.seen.find((request) => request.method === 'PUT');
    expect(put?.url.pathname).toBe('/v1/sessions/sess_1/inputs/inp_1');
    expect(put?.body).toBe('{"decision":"approve_session"}');
  });

  test('that somebody else has answered goes on', async () => {
    await using server = await askingServer((response, release) => {
      release();
      problem(response, 409, 'input_already_resolved');
    });
    const turn = await playTurn(session(server.url), 'hi', {
      show: () => {},
      approver: async () => ({ decision: 'deny', message: 'no' }),
      cancel: new AbortController().signal,
    });
    expect(turn.stop_reason).toBe('end_turn');
  });

  test('is cancelled while it waits, and its last events still come', async () => {
    await using server = await askingServer(() => expect.unreachable('nobody answered'));
    const cancel = new AbortController();
    const turn = await playTurn(session(server.url), 'hi', {
      show: () => {},
      approver: (_ask, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          cancel.abort();
        }),
      cancel: cancel.signal,
    });
    expect(turn.stop_reason).toBe('end_turn');
    expect(server.seen.some(({ url }) => url.pathname.endsWith('/cancel'))).toBe(true);
  });
});

describe('who answers', () => {
  const asked = ask.data as Parameters<ReturnType<typeof approver>>[0];
  const signal = new AbortController().signal;

  test('--approve, by its word', async () => {
    const { terminal } = captured({ tty: true });
    expect(await approver('once', terminal)(asked, signal)).toEqual({ decision: 'approve_once' });
    expect(await approver('session', terminal)(asked, signal)).toEqual({
      decision: 'approve_session',
    });
    expect(await approver('deny', terminal)(asked, signal)).toMatchObject({ decision: 'deny' });
    expect(() => approver('always', terminal)).toThrow('--approve cannot be "always"');
  });

  test('nobody, when nobody is there: denied, with a reason for the agent', async () => {
    const answer = await approver(undefined, captured().terminal)(asked, signal);
    expect(answer).toEqual({
      decision: 'deny',
      message: expect.stringContaining('Nobody is at the terminal'),
    });
  });

  test('a person, whose words may be short but not empty', () => {
    expect(answerTo('o')).toEqual({ decision: 'approve_once' });
    expect(answerTo(' Session ')).toEqual({ decision: 'approve_session' });
    expect(answerTo('d')).toMatchObject({ decision: 'deny' });
    expect(answerTo('')).toBeNull();
    expect(answerTo('yes')).toBeNull();
  });
});
