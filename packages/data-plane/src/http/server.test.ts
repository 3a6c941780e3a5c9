import { type AddressInfo, connect, createServer } from 'node:net';
import { listenHttp } from '@karta/http';
import { loopbackSurface } from '@karta/service/plane-auth';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenInternal } from './internal-server.ts';
import { startEngineServer } from './testing/engine-server.ts';
import { collect, eventsOf } from './testing/serve-test.ts';
import { KEYS } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
let ready = true;
beforeEach(async () => {
  ready = true;
  server = await startEngineServer({ ready: () => ready });
});
afterEach(() => server.close());

describe('the internal listener', () => {
  it('has metrics by route, on loopback only', async () => {
    const internal = await listenInternal(server.deps, loopbackSurface(0), []);
    const { id } = await server.session();
    await server.call('GET', `/v1/sessions/${id}`);
    await server.call('GET', '/v1/sessions?metadata[name]=secret-value');
    await server.call('POST', `/v1/sessions/${id}/messages`, { body: { text: 'hi' } });
    await server.call('GET', '/v1/secret-path');
    const following = await server.call('GET', `/v1/sessions/${id}/events`);
    server.deps.metrics.watch(() => ({
      liveSessions: 3,
      liveSandboxes: 2,
      parkedSandboxes: 1,
      runningTurns: 2,
      queuedTurns: 1,
    }));
    server.deps.metrics.turnEnded('end_turn');
    const page = await (await fetch(`${internal.url}/metrics`)).text();
    for (const line of [
      'karta_http_requests_total{method="GET",route="/v1/sessions/{session_id}",status="200"} 1',
      'karta_http_requests_total{method="GET",route="unmatched",status="404"} 1',
      'karta_http_streams_open 1',
      'karta_sessions_live 3',
      'karta_sandboxes{state="live"} 2',
      'karta_sandboxes{state="parked"} 1',
      'karta_turns{state="running"} 2',
      'karta_turns{state="queued"} 1',
      'karta_turns_accepted_total 1',
      'karta_turns_ended_total{stop_reason="end_turn"} 1',
      'karta_http_answer_seconds_count{method="POST",route="/v1/sessions"} 1',
    ]) {
      expect(page).toContain(line);
    }
    expect(page).not.toMatch(/secret|sess_/);
    expect(new URL(internal.url).hostname).toBe('127.0.0.1');
    expect((await fetch(`${internal.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${internal.url}/nothing`)).status).toBe(404);
    expect((await fetch(`${internal.url}/metrics`, { method: 'POST' })).status).toBe(405);
    ready = false;
    expect((await fetch(`${internal.url}/readyz`)).status).toBe(503);
    await following.body?.cancel();
    await expect
      .poll(async () => (await fetch(`${internal.url}/metrics`)).text())
      .toContain('karta_http_streams_open 0');
    await internal.close(0);
  });
});

describe('the access log', () => {
  it('holds route, ids and times, never bodies, credentials or values', async () => {
    const body = { metadata: { note: 'secret-body' } };
    const made = await server.call('POST', '/v1/sessions', {
      body,
      headers: { 'x-request-id': 'req-1', 'x-forwarded-for': '6.6.6.6' },
    });
    const { id } = (await made.json()) as { id: string };
    await server.call('GET', `/v1/sessions/${id}/files/secret-file`);
    await server.call('GET', '/v1/sessions?metadata[secret-key]=secret-value');
    await server.call('GET', '/v1/sessions?secret-query=1');
    await expect.poll(() => server.logged).toHaveLength(4);
    expect(server.logged[0]).toMatchObject({
      request_id: 'req-1',
      method: 'POST',
      route: '/v1/sessions',
      status: 201,
      org_id: 'org_1',
      principal_id: 'key_full',
      client: '127.0.0.1',
      complete: true,
    });
    expect(JSON.stringify(server.logged)).not.toMatch(/secret/);
    expect(JSON.stringify(server.logged)).not.toContain(KEYS.full);
  });

  it('tells apart a client that gave up, whatever it would have been answered', async () => {
    const { port } = new URL(server.url);
    const head = [
      'POST /v1/sessions HTTP/1.1',
      'host: x',
      `authorization: Bearer ${KEYS.full}`,
      'content-type: application/json',
      'content-length: 100',
    ];
    const socket = connect(Number(port), '127.0.0.1');
    await new Promise<void>((written) => {
      socket.write(`${head.join('\r\n')}\r\n\r\n{"meta`, () => written());
    });
    socket.destroy();
    await expect.poll(() => server.logged).toMatchObject([{ status: 499, complete: false }]);
  });

  it('tells what failed inside, and the answer does not', async () => {
    server.deps.sessions.get = () =>
      Promise.reject(Object.assign(new Error('pool is gone'), { detail: 'secret-row' }));
    const answer = await server.call('GET', `/v1/sessions/sess_${'0'.repeat(24)}`);
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(text).not.toMatch(/pool|secret/);
    const { request_id } = JSON.parse(text) as { request_id: string };
    await expect
      .poll(() => server.logged.find((one) => one.msg === 'request failed'))
      .toMatchObject({ request_id, message: 'pool is gone' });
    expect(JSON.stringify(server.logged)).not.toContain('secret-row');
  });

  it('tells when a stream fails; the client only sees its end', async () => {
    const { id } = await server.session();
    const { events } = server.deps.sessions;
    server.deps.sessions.events = async (caller, sessionId, query) =>
      failingAfterOne(await events(caller, sessionId, query));
    await (
      await server.call('POST', `/v1/sessions/${id}/messages`, {
        body: { text: 'one', stream: true },
      })
    ).text();
    const answer = await server.call('GET', `/v1/sessions/${id}/events`);
    const text = await answer.text();
    expect(text.match(/^event: /gm)).toHaveLength(1);
    expect(text).not.toContain('secret-cause');
    await expect
      .poll(() => server.logged.some((one) => one.msg === 'event stream failed'))
      .toBe(true);
  });
});

async function* failingAfterOne<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const one of source) {
    yield one;
    throw new Error('secret-cause');
  }
}

describe('a server that is not ready', () => {
  it('says so, and stays healthy', async () => {
    ready = false;
    expect((await server.call('GET', '/readyz', { key: null })).status).toBe(503);
    expect((await server.call('GET', '/healthz', { key: null })).status).toBe(200);
  });
});

describe('closing', () => {
  it('ends open streams, lets a request finish and takes no more', async () => {
    const { id } = await server.session();
    const following = await server.call('GET', `/v1/sessions/${id}/events`);
    const unary = server.call('POST', `/v1/sessions/${id}/messages`, {
      body: { text: server.script({ gate: 'closing' }, { text: 'whole' }) },
    });
    await expect.poll(() => server.readersOf(id)).toBe(2);
    const closed = server.http.close(10_000);
    await collect(eventsOf(following));
    server.runner.open('closing');
    expect(await (await unary).json()).toMatchObject({ text: 'whole', stop_reason: 'end_turn' });
    const before = performance.now();
    await closed;
    // The connection that was kept alive for a next request is not waited for.
    expect(performance.now() - before).toBeLessThan(5_000);
    await expect(server.call('GET', '/healthz')).rejects.toThrow();
  });

  it('cuts what takes longer than the grace', async () => {
    const { id } = await server.session();
    const unary = server.call('POST', `/v1/sessions/${id}/messages`, {
      body: { text: server.script({ gate: 'never' }) },
    });
    await expect.poll(() => server.readersOf(id)).toBe(1);
    const cut = expect(unary).rejects.toThrow();
    await server.http.close(50);
    await cut;
  });
});

describe('a port that is taken', () => {
  it('is an error that says what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(listenHttp(server.app, { host: '127.0.0.1', port })).rejects.toThrow(
      new RegExp(`Port ${port} .* is taken; .*--port`),
    );
    other.close();
  });
});
