import type { ApiScope } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

let planes: TwoPlanes;
beforeAll(async () => {
  planes = await startTwoPlanes();
  const made = await control('POST', '/v1/projects', { ref: 'shop' });
  expect(made.status).toBe(201);
});
afterAll(() => planes?.stop());

interface Asked {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an answer's fields are what the tests look at
  body: any;
  headers: Headers;
}

async function ask(url: string, method: string, key: string, body?: unknown): Promise<Asked> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? null : JSON.parse(text),
    headers: response.headers,
  };
}

const control = (method: string, path: string, body?: unknown, key = planes.apiKey) =>
  ask(`${planes.control.url}${path}`, method, key, body);
const data = (key: string, path: string) => ask(`${planes.data.url}${path}`, 'GET', key);

async function makeKey(scopes: ApiScope[] = ['write']): Promise<{ id: string; api_key: string }> {
  return (await control('POST', '/v1/keys', { name: 'test', scopes })).body;
}

async function mint(key?: string): Promise<{ id: string; token: string }> {
  const minted = await control('POST', '/v1/projects/shop/session_tokens', { sub: 'ann' }, key);
  expect(minted.status).toBe(201);
  return minted.body;
}

/** A revocation is answered once the nodes have heard of it, or after a second on a slow machine. */
async function refused(credential: string, path: string): Promise<void> {
  const within = { timeout: 4_000 };
  await expect.poll(async () => (await data(credential, path)).status, within).toBe(401);
}

test('a key works on the data plane at once, and is refused there once it is revoked', async () => {
  const { id, api_key: key } = await makeKey(['read']);
  expect((await data(key, '/v1/limits')).status).toBe(200);
  expect((await control('DELETE', `/v1/keys/${id}`)).status).toBe(204);
  await refused(key, '/v1/limits');
});

test('a session token works on its project, not on the flat family, until it is revoked', async () => {
  const one = await mint();
  expect((await data(one.token, '/v1/projects/shop')).status).toBe(200);
  expect((await data(one.token, '/v1/limits')).body).toMatchObject({ error: 'wrong_route_family' });
  const revoked = await control('DELETE', `/v1/projects/shop/session_tokens/${one.id}`);
  expect(revoked.status).toBe(204);
  await refused(one.token, '/v1/projects/shop');

  const minter = await makeKey();
  const two = await mint(minter.api_key);
  expect((await data(two.token, '/v1/projects/shop')).status).toBe(200);
  await control('DELETE', `/v1/keys/${minter.id}`);
  await refused(two.token, '/v1/projects/shop');

  const three = await mint();
  await control('DELETE', '/v1/projects/shop/session_tokens');
  await refused(three.token, '/v1/projects/shop');
  expect((await data((await mint()).token, '/v1/projects/shop')).status).toBe(200);
});

test('without the control plane known credentials go on, unknown ones are told to come back', async () => {
  const { api_key: unseen } = await makeKey();
  const { token } = await mint();
  expect((await data(planes.apiKey, '/v1/limits')).status).toBe(200);
  await planes.stopControl();
  expect((await data(planes.apiKey, '/v1/limits')).status).toBe(200);
  expect((await data(token, '/v1/projects/shop')).status).toBe(200);
  const refused = await data(unseen, '/v1/limits');
  expect(refused).toMatchObject({ status: 503, body: { error: 'control_unavailable' } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

  // A node that starts without it knows the projects and the keys of tokens from its disk.
  await planes.stopData();
  await planes.startData();
  expect((await data(token, '/v1/projects/shop')).status).toBe(200);
  expect((await data(planes.apiKey, '/v1/limits')).status).toBe(503);

  await planes.startControl();
  await expect.poll(async () => (await data(unseen, '/v1/limits')).status).toBe(200);
  expect((await data(token, '/v1/projects/shop')).status).toBe(200);
});

test('nothing of the internal surfaces is on the public ones', async () => {
  for (const path of ['/v1/internal/sync', '/v1/internal/credentials/validate']) {
    for (const url of [planes.data.url, planes.control.url]) {
      expect((await ask(`${url}${path}`, 'POST', planes.apiKey, {})).status).toBe(404);
    }
  }
  for (const url of [planes.data.internalUrl, planes.control.internalUrl]) {
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const answer = await fetch(`${url}/v1/internal/sync`, { method: 'POST' });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toBe('');
  }
});
