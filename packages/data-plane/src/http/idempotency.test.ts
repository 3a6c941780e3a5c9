import { randomUUID } from 'node:crypto';
import { KartaError, type MessageAnswer, type Session } from '@karta/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { collect, eventsOf } from './testing/serve-test.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
beforeAll(async () => {
  server = await startEngineServer();
});
afterAll(() => server.close());

const withKey = (key: string = randomUUID()) => ({ headers: { 'idempotency-key': key } });

describe('a repeated creation', () => {
  it('answers with the same session and status', async () => {
    const options = { ...withKey(), body: { metadata: { a: 1 } } };
    const all = await Promise.all(
      Array.from({ length: 5 }, () => server.call('POST', '/v1/sessions', options)),
    );
    expect(all.map((answer) => answer.status)).toEqual([201, 201, 201, 201, 201]);
    const sessions = (await Promise.all(all.map((answer) => answer.json()))) as Session[];
    expect(new Set(sessions.map((session) => session.id)).size).toBe(1);
  });

  it('with another body is 409, and with another key another session', async () => {
    const options = withKey();
    await server.call('POST', '/v1/sessions', { ...options, body: { metadata: { a: 1 } } });
    const conflict = await server.call('POST', '/v1/sessions', { ...options, body: {} });
    expect(conflict.status).toBe(409);
    expect(await conflict.json()).toMatchObject({ error: 'idempotency_conflict' });
    const fresh = await server.call('POST', '/v1/sessions', { ...withKey(), body: {} });
    expect(fresh.status).toBe(201);
  });

  it('is another one for another principal or project', async () => {
    const options = { ...withKey(), body: {} };
    const ids = [];
    for (const [path, key] of [
      ['/v1/sessions', 'key-full'],
      ['/v1/sessions', 'key-foreign'],
      ['/v1/projects/desk/sessions', 'key-full'],
    ] as const) {
      const answer = await server.call('POST', path, { ...options, key });
      ids.push(((await answer.json()) as Session).id);
    }
    expect(new Set(ids).size).toBe(3);
  });

  it('is 404 when the session has been deleted since', async () => {
    const options = { ...withKey(), body: {} };
    const made = await server.call('POST', '/v1/sessions', options);
    const { id } = (await made.json()) as Session;
    await server.call('DELETE', `/v1/sessions/${id}`);
    expect((await server.call('POST', '/v1/sessions', options)).status).toBe(404);
  });
});

describe('a repeated message', () => {
  it('attaches to the same turn, in either form', async () => {
    const { id } = await server.session();
    const path = `/v1/sessions/${id}/messages`;
    const options = { ...withKey(), body: { text: 'once only' } };
    const before = server.runner.inputs.length;
    const first = (await (await server.call('POST', path, options)).json()) as MessageAnswer;
    const again = (await (await server.call('POST', path, options)).json()) as MessageAnswer;
    expect(again).toEqual(first);
    expect(server.runner.inputs.length).toBe(before + 1);

    const streamed = { ...withKey(), body: { text: 'once', stream: true } };
    const one = await collect(eventsOf(await server.call('POST', path, streamed)));
    const two = await collect(eventsOf(await server.call('POST', path, streamed)));
    expect(two).toEqual(one);
    expect(server.runner.inputs.length).toBe(before + 2);
  });

  it('in another session is another message', async () => {
    const options = { ...withKey(), body: { text: 'hi' } };
    const before = server.runner.inputs.length;
    for (let n = 0; n < 2; n += 1) {
      const { id } = await server.session();
      await server.call('POST', `/v1/sessions/${id}/messages`, options);
    }
    expect(server.runner.inputs.length).toBe(before + 2);
  });

  it('may be sent again after it was refused', async () => {
    const { id } = await server.session();
    const path = `/v1/sessions/${id}/messages`;
    const busy = await server.call('POST', path, {
      body: { text: server.script({ gate: 'refusal' }), stream: true },
    });
    const options = { ...withKey(), body: { text: 'hi', if_busy: 'reject' } };
    expect((await server.call('POST', path, options)).status).toBe(409);
    server.runner.open('refusal');
    await busy.text();
    expect((await server.call('POST', path, options)).status).toBe(200);
  });

  it('sent at the same time is one turn', async () => {
    const { id } = await server.session();
    const path = `/v1/sessions/${id}/messages`;
    const options = { ...withKey(), body: { text: 'together' } };
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => (await server.call('POST', path, options)).json()),
    );
    expect(new Set(answers.map((answer) => (answer as MessageAnswer).turn_id)).size).toBe(1);
    expect(server.runner.inputs.filter(({ input }) => input.text === 'together')).toHaveLength(1);
  });
});

describe('a repeated cancel', () => {
  it('does not cancel the next turn', async () => {
    const { id } = await server.session();
    const options = withKey();
    expect((await server.call('POST', `/v1/sessions/${id}/cancel`, options)).status).toBe(200);
    const running = await server.call('POST', `/v1/sessions/${id}/messages`, {
      body: { text: server.script({ gate: 'next turn' }), stream: true },
    });
    const again = await server.call('POST', `/v1/sessions/${id}/cancel`, options);
    expect(await again.json()).toMatchObject({ id, status: 'running' });
    server.runner.open('next turn');
    expect(await running.text()).toContain('"end_turn"');
  });
});

describe('an idempotency key', () => {
  it('must be short visible ASCII', async () => {
    for (const key of ['a b', 'é', 'x'.repeat(256)]) {
      const answer = await server.call('POST', '/v1/sessions', { ...withKey(key), body: {} });
      expect(answer.status, key).toBe(400);
    }
  });

  it('is given back when the request fails inside', async () => {
    const { idempotency } = server.deps;
    const scope = { orgId: 'o', principalId: 'p', route: 'r', key: 'k' };
    const { onceOnly } = await import('@karta/http');
    const work = {
      first: () => Promise.reject<string>(new KartaError('capacity')),
      again: async () => 'again',
    };
    await expect(onceOnly(idempotency, scope, 'd', work)).rejects.toThrow(KartaError);
    expect(await onceOnly(idempotency, scope, 'd', { ...work, first: async () => 'ok' })).toBe(
      'ok',
    );
  });
});
