import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { KEYS } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
beforeAll(async () => {
  server = await startEngineServer();
});
afterAll(() => server.close());

async function errorOf(answer: Response): Promise<[number, unknown]> {
  return [answer.status, ((await answer.json()) as { error: string }).error];
}

describe('credentials', () => {
  it('are read from either header', async () => {
    const headers = { 'x-api-key': KEYS.full };
    expect((await server.call('GET', '/v1/limits', { key: null, headers })).status).toBe(200);
    expect((await server.call('GET', '/v1/limits', { headers })).status).toBe(200);
    expect((await server.call('GET', '/v1/limits')).status).toBe(200);
  });

  it('that are absent or wrong are 401, with how to send one', async () => {
    for (const options of [{ key: null }, { key: 'wrong' }, { key: '__proto__' }]) {
      const answer = await server.call('GET', '/v1/limits', options);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(await errorOf(answer)).toEqual([401, 'unauthenticated']);
    }
  });

  it('that differ are 401', async () => {
    const headers = { 'x-api-key': KEYS.read };
    const answer = await server.call('GET', '/v1/limits', { headers });
    expect(await errorOf(answer)).toEqual([401, 'conflicting_credentials']);
  });
});

describe('scopes', () => {
  it('reading needs read, everything else write', async () => {
    const { id } = await server.session();
    const key = KEYS.read;
    expect((await server.call('GET', `/v1/sessions/${id}`, { key })).status).toBe(200);
    for (const [method, path, body] of [
      ['POST', '/v1/sessions', {}],
      ['POST', `/v1/sessions/${id}/messages`, { text: 'hi' }],
      ['PATCH', `/v1/sessions/${id}`, {}],
      ['DELETE', `/v1/sessions/${id}`, undefined],
      ['POST', `/v1/sessions/${id}/cancel`, undefined],
      ['PUT', `/v1/sessions/${id}/inputs/inp_1`, { decision: 'deny' }],
      ['PUT', `/v1/sessions/${id}/files/a`, undefined],
    ] as const) {
      const answer = await server.call(method, path, { key, ...(body ? { body } : {}) });
      expect(await errorOf(answer), `${method} ${path}`).toEqual([403, 'forbidden']);
    }
  });
});

describe('a session token', () => {
  const key = KEYS.token;

  it('is refused on the flat family before anything is looked up', async () => {
    const { id } = await server.session();
    for (const path of [
      `/v1/sessions/${id}`,
      '/v1/sessions/nonsense',
      '/v1/limits',
      '/v1/sessions',
    ]) {
      const answer = await server.call('GET', path, { key });
      expect(await errorOf(answer), path).toEqual([403, 'wrong_route_family']);
    }
  });

  it('works on its project, not on another, and an unknown ref is 404', async () => {
    expect((await server.call('GET', '/v1/projects/shop', { key })).status).toBe(200);
    const other = await server.call('GET', '/v1/projects/desk/sessions', { key });
    expect(await errorOf(other)).toEqual([403, 'wrong_project']);
    const absent = await server.call('GET', '/v1/projects/theirs/sessions', { key });
    expect(await errorOf(absent)).toEqual([404, 'not_found']);
  });

  it('may talk, but not list without an end user, nor change the permission mode', async () => {
    const made = await server.call('POST', '/v1/projects/shop/sessions', { key, body: {} });
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    const path = `/v1/projects/shop/sessions/${id}`;
    const sent = await server.call('POST', `${path}/messages`, { key, body: { text: 'hi' } });
    expect(sent.status).toBe(200);
    const list = '/v1/projects/shop/sessions';
    expect((await server.call('GET', list, { key })).status).toBe(200);
    const anonymous = await server.call('GET', list, { key: KEYS.anonymousToken });
    expect(await errorOf(anonymous)).toEqual([403, 'forbidden']);
    const mode = await server.call('PATCH', path, { key, body: { permission_mode: 'autonomous' } });
    expect(await errorOf(mode)).toEqual([403, 'forbidden']);
  });
});

describe('the catalog', () => {
  it('tells limits and the project', async () => {
    const { limits } = (await (await server.call('GET', '/v1/limits')).json()) as {
      limits: Record<string, number>;
    };
    expect(limits).toMatchObject({ metadata_keys: 50, request_body_bytes: 10 * 1024 * 1024 });
    expect(await (await server.call('GET', '/v1/projects/shop')).json()).toEqual({
      ref: 'shop',
      project_id: 'proj_org_1_shop',
      version: 'v1',
    });
    expect(await (await server.call('GET', '/v1/projects/empty')).json()).toMatchObject({
      version: null,
    });
  });
});
