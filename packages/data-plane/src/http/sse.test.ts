import { connect } from 'node:net';
import type { KartaEvent } from '@karta/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startMemoryServer } from './testing/memory-server.ts';
import { said } from './testing/memory-sessions.ts';
import { collect, eventsOf, messagesOf } from './testing/serve-test.ts';
import { KEYS } from './testing/test-control.ts';

const HEARTBEAT_MS = 40;

let server: Awaited<ReturnType<typeof startMemoryServer>>;
beforeAll(async () => {
  server = await startMemoryServer({ heartbeatMs: HEARTBEAT_MS });
});
afterAll(() => server.close());
afterEach(() => {
  server.sessions.script = null;
});

function logOf(id: string) {
  const held = server.sessions.held.get(id);
  if (held === undefined) throw new Error(`no session ${id}`);
  return held.log;
}

async function sessionWithTurn(text: string): Promise<string> {
  const { id } = await server.session();
  await (await server.call('POST', `/v1/sessions/${id}/messages`, { body: { text } })).json();
  return id;
}

describe('an event stream', () => {
  it('has the headers that keep proxies from touching it', async () => {
    const { id } = await server.session();
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, {
      body: { text: 'hi', stream: true },
      headers: { 'accept-encoding': 'gzip, br' },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
    await answer.text();
  });

  it('frames each event with id, type and data', async () => {
    const { id } = await server.session();
    const body = { text: 'a b', stream: true };
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
    const messages = await collect(messagesOf(answer));
    expect(messages.map((one) => [one.id, one.event])).toEqual([
      ['1', 'text'],
      ['2', 'text'],
      ['3', 'done'],
    ]);
    expect(JSON.parse(messages[0]?.data ?? '')).toEqual({
      type: 'text',
      seq: 1,
      session_id: id,
      turn_id: expect.stringMatching(/^turn_/),
      source: 'karta',
      timestamp: expect.any(Number),
      data: { part: { type: 'text', text: 'a ' } },
    });
  });

  it('goes through pauses to done', async () => {
    server.sessions.script = [said('before'), 'ask', said('after')];
    const { id } = await server.session();
    const body = { text: 'go', stream: true };
    const stream = eventsOf(await server.call('POST', `/v1/sessions/${id}/messages`, { body }));
    await stream.next();
    const asked = (await stream.next()).value as Extract<KartaEvent, { type: 'input_required' }>;
    expect(asked.type).toBe('input_required');
    const path = `/v1/sessions/${id}/inputs/${asked.data.request_id}`;
    await server.call('PUT', path, { body: { decision: 'approve_once' } });
    const rest = await collect(stream);
    expect(rest.map((event) => event.type)).toEqual(['input_resolved', 'text', 'done']);
  });

  it('shows only its own turn', async () => {
    const { id } = await server.session();
    const log = logOf(id);
    const body = { text: 'mine', stream: true };
    const answer = server.call('POST', `/v1/sessions/${id}/messages`, { body });
    log.push('turn_other', said('not mine'));
    const types = (await collect(eventsOf(await answer))).map((event) => event.turn_id);
    expect(new Set(types).size).toBe(1);
    expect(types).not.toContain('turn_other');
  });

  it('carries a comment in every silence', async () => {
    const { id } = await server.session();
    const messages = messagesOf(await server.call('GET', `/v1/sessions/${id}/events`));
    for (let n = 0; n < 3; n += 1) {
      expect((await messages.next()).value).toMatchObject({ event: 'comment' });
    }
    logOf(id).push('turn_x', said('awake'));
    for await (const message of messages) {
      if (message.event === 'comment') continue;
      expect(message.event).toBe('text');
      break;
    }
  });
});

describe('following a session', () => {
  it('replays after a seq, by query or Last-Event-ID, which wins', async () => {
    const id = await sessionWithTurn('a b c');
    const path = `/v1/sessions/${id}/events?until=done`;
    const seqs = async (query: string, headers: Record<string, string> = {}) =>
      (await collect(eventsOf(await server.call('GET', `${path}${query}`, { headers })))).map(
        (event) => event.seq,
      );
    expect(await seqs('')).toEqual([1, 2, 3, 4]);
    expect(await seqs('&after=2')).toEqual([3, 4]);
    expect(await seqs('', { 'last-event-id': '3' })).toEqual([4]);
    expect(await seqs('&after=0', { 'last-event-id': '3' })).toEqual([4]);
  });

  it('goes on live across turns, each event once', async () => {
    const id = await sessionWithTurn('one');
    const stream = eventsOf(await server.call('GET', `/v1/sessions/${id}/events?after=1`));
    expect((await stream.next()).value).toMatchObject({ seq: 2, type: 'done' });
    await server.call('POST', `/v1/sessions/${id}/messages`, { body: { text: 'two' } });
    expect((await stream.next()).value).toMatchObject({ seq: 3, type: 'text' });
    expect((await stream.next()).value).toMatchObject({ seq: 4, type: 'done' });
    await stream.return(undefined);
  });

  it('is 410 with the first seq kept when the place is gone; without a place it starts there', async () => {
    const id = await sessionWithTurn('a b c');
    logOf(id).forgetBefore(3);
    const gone = await server.call('GET', `/v1/sessions/${id}/events?after=1`);
    expect(gone.status).toBe(410);
    expect(await gone.json()).toMatchObject({ error: 'replay_expired', first_seq: 3 });
    const all = await server.call('GET', `/v1/sessions/${id}/events?until=done`);
    expect((await collect(eventsOf(all))).map((event) => event.seq)).toEqual([3, 4]);
  });

  it('refuses places that are none', async () => {
    const { id } = await server.session();
    for (const query of ['after=-1', 'after=x', 'after=1.5', 'until=never', 'raw=maybe']) {
      const answer = await server.call('GET', `/v1/sessions/${id}/events?${query}`);
      expect(answer.status, query).toBe(422);
    }
    const headers = { 'last-event-id': 'x' };
    const answer = await server.call('GET', `/v1/sessions/${id}/events`, { headers });
    expect(answer.status).toBe(400);
  });

  it('is 204 once the session has ended, and 404 once it is deleted', async () => {
    const { id } = await server.session();
    const held = server.sessions.held.get(id);
    if (held) held.view.status = 'ended';
    expect((await server.call('GET', `/v1/sessions/${id}/events`)).status).toBe(204);
    await server.call('DELETE', `/v1/sessions/${id}`);
    expect((await server.call('GET', `/v1/sessions/${id}/events`)).status).toBe(404);
  });

  it('answers HEAD without following', async () => {
    const { id } = await server.session();
    const head = await server.call('HEAD', `/v1/sessions/${id}/events`);
    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(logOf(id).readers).toBe(0);
  });

  it('gives raw to API keys only', async () => {
    const { id } = await server.session();
    const path = `/v1/projects/shop/sessions/${id}/events?raw=true`;
    expect((await server.call('GET', path, { key: KEYS.token })).status).toBe(403);
  });
});

describe('a client that goes away in mid-stream', () => {
  it('leaves nothing open and loses no turn', async () => {
    server.sessions.script = [said('begun'), 'hang'];
    const { id } = await server.session();
    const gone = new AbortController();
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, {
      body: { text: 'go', stream: true },
      signal: gone.signal,
    });
    const stream = eventsOf(answer);
    const first = (await stream.next()).value;
    await vi.waitFor(() => expect(logOf(id).readers).toBe(1));
    gone.abort();
    await vi.waitFor(() => expect(logOf(id).readers).toBe(0));
    await vi.waitFor(() => expect(server.app.streams.size).toBe(0));
    await server.call('POST', `/v1/sessions/${id}/cancel`);
    const rest = await server.call(
      'GET',
      `/v1/sessions/${id}/events?after=${first?.seq}&until=done`,
    );
    expect((await collect(eventsOf(rest))).map((event) => event.type)).toEqual(['done']);
  });

  it('stops a unary call from waiting, and the turn goes on', async () => {
    server.sessions.script = ['hang'];
    const { id } = await server.session();
    const gone = new AbortController();
    const path = `/v1/sessions/${id}/messages`;
    const call = server.call('POST', path, { body: { text: 'go' }, signal: gone.signal });
    await vi.waitFor(() => expect(logOf(id).readers).toBe(1));
    gone.abort();
    await expect(call).rejects.toThrow();
    await vi.waitFor(() => expect(logOf(id).readers).toBe(0));
    expect(server.sessions.held.get(id)?.view.status).toBe('running');
    await server.call('POST', `/v1/sessions/${id}/cancel`);
  });
});

describe('a slow reader', () => {
  it('is not read ahead for, and gets everything in the end', async () => {
    const EVENTS = 3000;
    const chunk = 'x'.repeat(4000);
    const { id } = await server.session();
    const log = logOf(id);
    for (let n = 0; n < EVENTS; n += 1) log.push('turn_x', said(chunk));
    const taken = { count: 0 };
    const open = log.open.bind(log);
    log.open = (query) => counted(open(query), taken);

    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.pause();
    socket.write(
      `GET /v1/sessions/${id}/events HTTP/1.1\r\nHost: x\r\nx-api-key: ${KEYS.full}\r\n\r\n`,
    );
    let before = -1;
    await vi.waitFor(
      () => {
        const now = taken.count;
        const settled = now > 0 && now === before;
        before = now;
        expect(settled).toBe(true);
      },
      { interval: 150, timeout: 10_000 },
    );
    expect(taken.count).toBeLessThan(EVENTS);
    let received = 0;
    socket.on('data', (data) => {
      received += data.length;
    });
    socket.resume();
    await vi.waitFor(() => expect(received).toBeGreaterThan(EVENTS * chunk.length), 10_000);
    expect(taken.count).toBe(EVENTS);
    socket.destroy();
    await vi.waitFor(() => expect(log.readers).toBe(0));
  });
});

async function* counted<T>(source: AsyncIterable<T>, taken: { count: number }) {
  for await (const one of source) {
    taken.count += 1;
    yield one;
  }
}
