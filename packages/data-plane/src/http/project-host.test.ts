import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectHosts } from './project-host.ts';
import { type EngineServer, startEngineServer } from './testing/engine-server.ts';
import { KEYS, SHOP_ORIGIN } from './testing/test-control.ts';

describe('the host of a project', () => {
  const hosts = projectHosts('Karta.Example');

  it.each([
    ['shop-acme.karta.example', 'shop-acme'],
    ['SHOP-Acme.karta.example:8000', 'shop-acme'],
    ['shop-acme.karta.example.', 'shop-acme'],
  ])('is one label below the domain: %s', (host, label) => expect(hosts(host)).toBe(label));

  it.each([
    ...['karta.example', '.karta.example', 'a.b.karta.example', 'shop-acme.karta.example.evil'],
    ...['evilkarta.example', '-a.karta.example', 'a_b.karta.example', '', 'localhost:8000'],
    ...[`${'a'.repeat(64)}.karta.example`, 'shop-acme.karta.example:x', '[::1]:8000'],
  ])('is nothing else: %j', (host) => expect(hosts(host)).toBeNull());

  it('is none without a domain', () => {
    expect(projectHosts(null)('shop-acme.karta.example')).toBeNull();
    expect(hosts(undefined)).toBeNull();
  });
});

describe('requests on the host of a project', () => {
  const SHOP = 'shop-acme.karta.example';
  let server: EngineServer;
  beforeAll(async () => {
    server = await startEngineServer({ projectHosts: projectHosts('karta.example') });
  });
  afterAll(() => server.close());

  async function call(
    host: string,
    method: string,
    path: string,
    options: { key?: string; body?: unknown; headers?: Record<string, string> } = {},
  ) {
    const { hostname, port } = new URL(server.url);
    const { key = KEYS.full, body, headers = {} } = options;
    const sent = request({
      ...{ host: hostname, port, method, path },
      headers: {
        ...{ host, authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        ...headers,
      },
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const answer = response.statusCode === 204 ? null : await json(response);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: answer as Record<string, unknown>,
    };
  }

  it('are requests of the project family', async () => {
    const made = await call(SHOP, 'POST', '/v1/sessions', { body: { metadata: { a: 1 } } });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ metadata: { a: 1 }, project: { ref: 'shop' } });
    const path = `/v1/sessions/${made.body.id}`;
    expect(await call(SHOP, 'GET', path, { key: KEYS.full })).toMatchObject({ status: 200 });
    const message = { text: 'hello' };
    const told = await call(SHOP, 'POST', `${path}/messages`, { body: message });
    expect(told).toMatchObject({ status: 200, body: { session_id: made.body.id } });
    const byRef = `/v1/projects/shop/sessions/${made.body.id}`;
    expect(await call('localhost', 'GET', byRef)).toMatchObject({ status: 200 });
  });

  it('are open to session tokens of the project, as the project family is', async () => {
    const made = await call(SHOP, 'POST', '/v1/sessions', { key: KEYS.token, body: {} });
    expect(made.status).toBe(201);
    const flat = await call('localhost', 'POST', '/v1/sessions', { key: KEYS.token, body: {} });
    expect(flat).toMatchObject({ status: 403, body: { error: 'wrong_route_family' } });
  });

  it('find no project of another org, of another ref or of none', async () => {
    const foreign = await call(SHOP, 'POST', '/v1/sessions', { key: KEYS.foreign, body: {} });
    expect(foreign).toMatchObject({ status: 404, body: { error: 'not_found' } });
    const theirs = 'shop-umbrella.karta.example';
    expect(await call(theirs, 'POST', '/v1/sessions', { body: {} })).toMatchObject({ status: 404 });
    const own = await call(theirs, 'POST', '/v1/sessions', { key: KEYS.foreign, body: {} });
    expect(own, 'control: the other org finds its own').toMatchObject({ status: 201 });
    const absent = 'nothing-acme.karta.example';
    expect(await call(absent, 'GET', '/v1/sessions')).toMatchObject({ status: 404 });
  });

  it('reach nothing but the project', async () => {
    for (const path of ['/v1/projects/desk/sessions', '/v1/harnesses', '/v1/../v1/sessions/x/y']) {
      expect(await call(SHOP, 'GET', path), path).toMatchObject({ status: 404 });
    }
    expect(await call('localhost', 'GET', '/v1/harnesses'), 'control').toMatchObject({
      status: 200,
    });
    expect(await call(SHOP, 'GET', '/healthz')).toMatchObject({ status: 200 });
  });

  it("are let in from the project's own origins", async () => {
    const preflight = (host: string, origin: string) =>
      call(host, 'OPTIONS', '/v1/sessions', {
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    const allowed = await preflight(SHOP, SHOP_ORIGIN);
    expect(allowed.headers['access-control-allow-origin']).toBe(SHOP_ORIGIN);
    for (const [host, origin] of [
      [SHOP, 'https://evil.example'],
      ['shop-umbrella.karta.example', SHOP_ORIGIN],
    ] as const) {
      expect((await preflight(host, origin)).headers).not.toHaveProperty(
        'access-control-allow-origin',
      );
    }
    const answer = await call(SHOP, 'GET', '/v1/sessions', { headers: { origin: SHOP_ORIGIN } });
    expect(answer.headers['access-control-allow-origin']).toBe(SHOP_ORIGIN);
  });
});
