import { connect } from 'node:net';
import { LIMITS } from '@karta/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineServer, startEngineServer } from './testing/engine-server.ts';
import { collect, eventsOf, messagesOf } from './testing/serve-test.ts';
import { KEYS } from './testing/test-control.ts';

const HEARTBEAT_MS = 40;

let server: EngineServer;
beforeAll(async () => {
  server = await startEngineServer({ heartbeatMs: HEARTBEAT_MS });
});
afterAll(() => server.close());

/** A session with one turn behind it; its events are 1 to `last`. */
async function sessionWithTurn(text: string): Promise<{ id: string; last: number }> {
  const { id } = await server.session();
  const body = { text, stream: true };
  const answer = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
  const last = (await collect(eventsOf(answer))).at(-1)?.seq ?? 0;
  return { id, last };
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
    const body = { text: server.script({ text: 'a ' }, { text: 'b' }), stream: true };
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
    const all = await collect(messagesOf(answer));
    const messages = all.filter((one) => one.event !== 'comment');
    expect(messages.map((one) => one.event)).toEqual(['system', 'text', 'text', 'done']);
    expect(messages.map((one) => one.id)).toEqual(['1', '2', '3', '4']);
    expect(JSON.parse(messages[1]?.data ?? '')).toEqual({
      type: 'text',
      seq: 2,
      session_id: id,
      turn_id: expect.stringMatching(/^turn_/),
      source: 'karta',
      timestamp: expect.any(Number),
      data: { part: { type: 'text', text: 'a ' } },
    });
  });

  it('goes through pauses to done', async () => {
    const { id } = await server.session();
    const text = server.script({ text: 'before' }, { ask: { tool: 'bash' } }, { text: 'after' });
    const body = { text, stream: true };
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
    const types: string[] = [];
    for await (const event of eventsOf(answer)) {
      types.push(event.type);
      if (event.type !== 'input_required') continue;
      const path = `/v1/sessions/${id}/inputs/${event.data.request_id}`;
      await server.call('PUT', path, { body: { decision: 'approve_once' } });
    }
    const after = types.slice(types.indexOf('input_required'));
    expect(after).toEqual(['input_required', 'input_resolved', 'text', 'done']);
  });

  it('carries a comment in every silence', async () => {
    const { id } = await server.session();
    const messages = messagesOf(await server.call('GET', `/v1/sessions/${id}/events`));
    for (let n = 0; n < 3; n += 1) {
      expect((await messages.next()).value).toMatchObject({ event: 'comment' });
    }
    await server.call('POST', `/v1/sessions/${id}/messages`, { body: { text: 'awake' } });
    for await (const message of messages) {
      if (message.event === 'text') break;
      expect(['comment', 'system']).toContain(message.event);
    }
  });
});

describe('following a session', () => {
  it('replays after a seq, by query or Last-Event-ID, which wins', async () => {
    const { id, last } = await sessionWithTurn(server.script({ deltas: 3 }));
    expect(last).toBe(5);
    const path = `/v1/sessions/${id}/events?until=done`;
    const seqs = async (query: string, headers: Record<string, string> = {}) =>
      (await collect(eventsOf(await server.call('GET', `${path}${query}`, { headers })))).map(
        (event) => event.seq,
      );
    expect(await seqs('')).toEqual([1, 2, 3, 4, 5]);
    expect(await seqs('&after=2')).toEqual([3, 4, 5]);
    expect(await seqs('', { 'last-event-id': '3' })).toEqual([4, 5]);
    expect(await seqs('&after=0', { 'last-event-id': '4' })).toEqual([5]);
  });

  it('goes on live across turns, each event once', async () => {
    const { id, last } = await sessionWithTurn('one');
    const path = `/v1/sessions/${id}/events?after=${last - 1}`;
    const stream = eventsOf(await server.call('GET', path));
    expect((await stream.next()).value).toMatchObject({ seq: last, type: 'done' });
    await server.call('POST', `/v1/sessions/${id}/messages`, { body: { text: 'two' } });
    expect((await stream.next()).value).toMatchObject({ seq: last + 1, type: 'text' });
    expect((await stream.next()).value).toMatchObject({ seq: last + 2, type: 'done' });
    await stream.return(undefined);
  });

  it('is 410 with the first seq kept when the place is gone; without a place it starts there', async () => {
    const { id, last } = await sessionWithTurn(server.script({ deltas: LIMITS.replayEvents + 50 }));
    const first = last - LIMITS.replayEvents + 1;
    const gone = await server.call('GET', `/v1/sessions/${id}/events?after=${first - 2}`);
    expect(gone.status).toBe(410);
    expect(await gone.json()).toMatchObject({ error: 'replay_expired', first_seq: first });
    const all = await server.call('GET', `/v1/sessions/${id}/events?until=done`);
    const seqs = (await collect(eventsOf(all))).map((event) => event.seq);
    expect([seqs[0], seqs.at(-1), seqs.length]).toEqual([first, last, LIMITS.replayEvents]);
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

  it('is 204 once the session has ended of age, and 404 once it is deleted', async () => {
    const { id } = await server.session();
    await server.database
      .updateTable('sessions')
      .set({ active_at: new Date(Date.now() - LIMITS.sessionTtlMs - 1000) })
      .where('id', '=', id)
      .execute();
    await server.engine.expire();
    expect((await server.call('GET', `/v1/sessions/${id}/events`)).status).toBe(204);
    const body = { text: 'hi' };
    const late = await server.call('POST', `/v1/sessions/${id}/messages`, { body });
    expect(late.status).toBe(409);
    expect(await late.json()).toMatchObject({ error: 'session_ended' });
    await server.call('DELETE', `/v1/sessions/${id}`);
    expect((await server.call('GET', `/v1/sessions/${id}/events`)).status).toBe(404);
  });

  it('answers HEAD without following', async () => {
    const { id } = await server.session();
    const head = await server.call('HEAD', `/v1/sessions/${id}/events`);
    expect(head.status).toBe(200);
    expect(head.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(server.readersOf(id)).toBe(0);
  });

  it('shows the events of the harness itself when asked with raw', async () => {
    const { id } = await server.session();
    const stream = eventsOf(await server.call('GET', `/v1/sessions/${id}/events?raw=true`));
    const text = server.script({ text: 'hi', raw: { own: 'event' } });
    await server.call('POST', `/v1/sessions/${id}/messages`, { body: { text } });
    for await (const event of stream) {
      if (event.type !== 'text') continue;
      expect(event.raw).toEqual({ own: 'event' });
      break;
    }
    const plain = await server.call('GET', `/v1/sessions/${id}/events?until=done`);
    expect(await plain.text()).not.toContain('"own"');
  });

  it('gives raw to API keys only', async () => {
    const { id } = await server.session();
    const path = `/v1/projects/shop/sessions/${id}/events?raw=true`;
    expect((await server.call('GET', path, { key: KEYS.token })).status).toBe(403);
  });
});

describe('a client that goes away in mid-stream', () => {
  it('leaves nothing open and loses no turn', async () => {
    const { id } = await server.session();
    const gone = new AbortController();
    const answer = await server.call('POST', `/v1/sessions/${id}/messages`, {
      body: { text: server.script({ text: 'a' }, { gate: 'alone' }, { text: 'b' }), stream: true },
      signal: gone.signal,
    });
    const stream = eventsOf(answer);
    const first = (await stream.next()).value;
    await expect.poll(() => server.readersOf(id)).toBe(1);
    gone.abort();
    await expect.poll(() => server.readersOf(id)).toBe(0);
    await expect.poll(() => server.app.streams.size).toBe(0);
    server.runner.open('alone');
    const path = `/v1/sessions/${id}/events?after=${first?.seq}&until=done`;
    const rest = await collect(eventsOf(await server.call('GET', path)));
    expect(rest.map((event) => event.type)).toEqual(['text', 'text', 'done']);
  });

  it('stops a unary call from waiting, and the turn goes on', async () => {
    const { id } = await server.session();
    const gone = new AbortController();
    const call = server.call('POST', `/v1/sessions/${id}/messages`, {
      body: { text: server.script({ gate: 'patience' }, { text: 'done anyway' }) },
      signal: gone.signal,
    });
    await expect.poll(() => server.readersOf(id)).toBe(1);
    gone.abort();
    await expect(call).rejects.toThrow();
    await expect.poll(() => server.readersOf(id)).toBe(0);
    server.runner.open('patience');
    const rest = await server.call('GET', `/v1/sessions/${id}/events?until=done`);
    expect(await rest.text()).toContain('done anyway');
  });
});

describe('a slow reader', () => {
  it('holds up nobody; out of what is kept it is ended, and told so when it comes back', async () => {
    const { id } = await server.session();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.pause();
    socket.write(
      `GET /v1/sessions/${id}/events HTTP/1.1\r\nHost: x\r\nx-api-key: ${KEYS.full}\r\n\r\n`,
    );
    await expect.poll(() => server.readersOf(id)).toBe(1);
    // More than socket buffers and the replay buffer hold together.
    const chunk: { text: string }[] = [];
    for (let n = 0; n < 16; n += 1) chunk.push({ text: 'x'.repeat(24_000) });
    for (let n = 0; n < 40; n += 1) {
      const body = { text: server.script(...chunk) };
      expect((await server.call('POST', `/v1/sessions/${id}/messages`, { body })).status).toBe(200);
    }
    expect(server.app.streams.size).toBe(1);
    let received = '';
    socket.on('data', (data) => {
      received = (received + data.toString()).slice(-50_000);
    });
    socket.resume();
    await expect.poll(() => server.readersOf(id)).toBe(0);
    await expect.poll(() => received).toMatch(/\r\n0\r\n\r\n$/);
    const lastSeq = [...received.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? '';
    socket.destroy();
    const back = await server.call('GET', `/v1/sessions/${id}/events`, {
      headers: { 'last-event-id': lastSeq },
    });
    expect(back.status).toBe(410);
    expect(server.logged.filter((line) => line.level === 50)).toEqual([]);
  });
});
