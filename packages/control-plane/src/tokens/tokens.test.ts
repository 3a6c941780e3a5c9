import {
  type CreatedApiKey,
  type CreatedEmbedKey,
  type EmbedMintAnswer,
  type MintedSessionToken,
  validatedCredential,
} from '@karta/protocol';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  jwtVerify,
  SignJWT,
} from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeysGround, startKeys, type TestOrg } from '../keys/testing/keys-ground.ts';

const ORIGIN = 'https://shop.example';

let ground: KeysGround;
let org: TestOrg;
let projectId: string;
beforeAll(async () => {
  ground = await startKeys();
  org = await ground.org();
  projectId = await ground.project(org, 'shop');
});
afterAll(() => ground.close());

/** `Body` is that of the answer that the test is for; of another one its fields are missing. */
async function call<Body = unknown>(
  method: string,
  path: string,
  options: Parameters<KeysGround['call']>[2] = {},
): Promise<{ status: number; body: Body; headers: Headers }> {
  const response = await ground.call(method, path, options);
  const text = await response.text();
  const body = (text === '' ? null : JSON.parse(text)) as Body;
  return { status: response.status, body, headers: response.headers };
}

const mint = (body: object = {}, key = org.apiKey, ref = 'shop') =>
  call<MintedSessionToken>('POST', `/v1/projects/${ref}/session_tokens`, { key, body });

/** As anybody verifies it: with the published keys. */
async function verified(token: string) {
  const { body } = await call<JSONWebKeySet>('GET', '/v1/jwks.json');
  return jwtVerify(token, createLocalJWKSet(body), {
    algorithms: ['EdDSA'],
    typ: 'karta-session+jwt',
    issuer: 'karta-control',
    audience: 'karta-data',
  });
}

/** Whether the control plane takes it for good when a node brings it. */
const granted = async (credential: string) =>
  (await ground.node.call(
    { method: 'POST', path: '/v1/internal/credentials/validate', json: { credential } },
    validatedCredential,
  )) !== null;

describe('a session token', () => {
  it('says for whom it is, what it may and for how long', async () => {
    const { status, body } = await mint({
      scopes: ['chat', 'files'],
      sub: 'ann',
      metadata: { plan: 'gold' },
      expires_in: 60,
    });
    expect(status).toBe(201);
    const { payload } = await verified(body.token);
    expect(payload).toMatchObject({
      org_id: org.id,
      project_id: projectId,
      project_slug: 'shop',
      scope: 'chat files',
      sub: 'ann',
      metadata: { plan: 'gold' },
      minted_by: org.keyId,
      mode: 'live',
      jti: body.id,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60);
    expect(Date.parse(body.expires_at) / 1000).toBe(payload.exp);
    const plain = (await mint()).body;
    expect(plain).toMatchObject({ scopes: ['chat'], sub: null, session_id: null });
    expect(decodeJwt(plain.token)).not.toHaveProperty('sub');
  });

  it('is refused where it could not be used', async () => {
    const other = await ground.org();
    expect((await mint({}, other.apiKey)).status).toBe(404);
    expect((await mint({}, org.apiKey, 'absent')).status).toBe(404);
    for (const body of [
      { scopes: ['admin'] },
      { scopes: [] },
      { expires_in: 901 },
      { sub: '' },
      { sub: 'a\0b' },
      { session_id: 'nonsense' },
      { metadata: { gone: null } },
      { permission_mode: 'autonomous' },
    ]) {
      expect((await mint(body)).status, JSON.stringify(body)).toBe(422);
    }
    const { body } = await call<CreatedApiKey>('POST', '/v1/keys', {
      key: org.apiKey,
      body: { name: 'reader', scopes: ['read'] },
    });
    expect((await mint({}, body.api_key)).status).toBe(403);
  });

  it('is revoked by its id, with its project, and with the key that minted it', async () => {
    const one = (await mint()).body;
    const path = '/v1/projects/shop/session_tokens';
    expect(await granted(one.token)).toBe(true);
    expect((await call('DELETE', `${path}/${one.id}`, { key: org.apiKey })).status).toBe(204);
    expect(await granted(one.token)).toBe(false);

    const two = (await mint()).body;
    expect((await call('DELETE', path, { key: org.apiKey })).status).toBe(204);
    expect(await granted(two.token)).toBe(false);
    const after = (await mint()).body;
    expect(await granted(after.token)).toBe(true);

    const key = (
      await call<CreatedApiKey>('POST', '/v1/keys', { key: org.apiKey, body: { name: 'minter' } })
    ).body;
    const three = (await mint({}, key.api_key)).body;
    expect(await granted(three.token)).toBe(true);
    await call('DELETE', `/v1/keys/${key.id}`, { key: org.apiKey });
    expect(await granted(three.token)).toBe(false);
  });
});

describe('the signing keys', () => {
  it('change with an overlap: the new one is told before it signs, the old one after', async () => {
    const before = (await mint()).body;
    const actor = { kind: 'system', id: 'test', orgId: org.id, label: 'test' } as const;
    const { kid } = await ground.rooms.tokenKeys.rotate(actor);
    const { body } = await call<JSONWebKeySet>('GET', '/v1/jwks.json');
    expect(body.keys).toHaveLength(2);
    expect(body.keys.map((key) => key.kid)).toContain(kid);
    expect(JSON.stringify(body)).not.toContain('"d"');
    const after = (await mint()).body;
    expect(decodeProtectedHeader(after.token).kid).not.toBe(kid);
    for (const token of [before.token, after.token]) await verified(token);
  });

  it('that leaked count no more at once', async () => {
    const before = (await mint()).body;
    const actor = { kind: 'system', id: 'test', orgId: org.id, label: 'test' } as const;
    const { kid } = await ground.rooms.tokenKeys.rotate(actor, { compromised: true });
    expect((await call<JSONWebKeySet>('GET', '/v1/jwks.json')).body.keys).toHaveLength(1);
    await expect(verified(before.token)).rejects.toThrow();
    const after = (await mint()).body;
    expect(decodeProtectedHeader(after.token).kid).toBe(kid);
    await verified(after.token);
  });

  it('are in the database as nobody can use them', async () => {
    const rows = await ground.database.database.selectFrom('token_keys').selectAll().execute();
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      expect(JSON.stringify(row)).not.toContain('"d"');
      expect(Buffer.from(row.private_sealed, 'base64').toString('latin1')).not.toContain('Ed25519');
    }
  });
});

describe('an embed key', () => {
  const created = async (body: object = {}): Promise<CreatedEmbedKey> =>
    (
      await call<CreatedEmbedKey>('POST', '/v1/projects/shop/embed_keys', {
        key: org.apiKey,
        body: { name: 'page', allowed_origins: [ORIGIN], ...body },
      })
    ).body;
  const mintFor = (embedKey: string, visitor?: string | null, origin: string | null = ORIGIN) =>
    call<EmbedMintAnswer>('POST', '/v1/embed/session_tokens', {
      body: { embed_key: embedKey, ...(visitor == null ? {} : { visitor }) },
      headers: origin === null ? {} : { origin },
    });

  it('mints for anonymous visitors of its origins, who come back as themselves', async () => {
    const key = await created();
    expect(key.embed_key).toMatch(/^pk_live_/);
    const first = await mintFor(key.embed_key);
    expect(first.status).toBe(201);
    expect(first.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(first.body.sub).toMatch(/^anon_/);
    const { payload } = await verified(first.body.token);
    expect(payload).toMatchObject({
      sub: first.body.sub,
      minted_by: key.id,
      origins: [ORIGIN],
      scope: 'chat',
    });
    const again = await mintFor(key.embed_key, first.body.visitor);
    expect(again.body.sub).toBe(first.body.sub);
    const forged = await mintFor(key.embed_key, `${first.body.visitor}x`);
    expect(forged.body.sub).not.toBe(first.body.sub);
  });

  it('is not for other origins, nor for no browser at all', async () => {
    const key = await created();
    for (const origin of [null, 'https://evil.example', 'http://shop.example', `${ORIGIN}:8443`]) {
      const refused = await mintFor(key.embed_key, undefined, origin);
      expect(refused.status, `${origin}`).toBe(403);
      expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    }
    expect((await mintFor(`pk_live_${'a'.repeat(32)}`)).status).toBe(401);
    const bad = await call('POST', '/v1/projects/shop/embed_keys', {
      key: org.apiKey,
      body: { name: 'x', allowed_origins: [`${ORIGIN}/path`] },
    });
    expect(bad.status).toBe(422);
    const wild = await call('POST', '/v1/projects/shop/embed_keys', {
      key: org.apiKey,
      body: { name: 'x', allowed_origins: ['https://*.example'] },
    });
    expect(wild.status).toBe(422);
    const preflight = await ground.call('OPTIONS', '/v1/embed/session_tokens');
    expect(preflight.status).toBe(204);
  });

  it('takes visitors that the backend signed for, and those alone when told so', async () => {
    const key = await created({ verified_only: true });
    const secret = new TextEncoder().encode(key.visitor_secret);
    const sign = (sub: string, seconds = 60, by = secret) =>
      new SignJWT()
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(sub)
        .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
        .sign(by);
    const good = await mintFor(key.embed_key, await sign('ann'));
    expect(good.body).toMatchObject({ sub: 'ann', visitor: null });
    expect((await mintFor(key.embed_key)).status).toBe(403);
    const anonymous = (await mintFor((await created()).embed_key)).body.visitor;
    expect(anonymous).not.toBeNull();
    for (const [why, visitor] of [
      ['too long a life', await sign('ann', 3600)],
      ['expired', await sign('ann', -100)],
      ['another secret', await sign('ann', 60, new TextEncoder().encode('x'.repeat(40)))],
      ['a visitor of ours', await sign('anon_0123')],
      ['an anonymous one', anonymous],
    ] as const) {
      expect((await mintFor(key.embed_key, visitor)).status, why).toBe(403);
    }
  });

  it('never makes an anonymous visitor of one that the backend signed for wrongly', async () => {
    const key = await created();
    const wrong = await new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('ann')
      .setExpirationTime('1m')
      .sign(new TextEncoder().encode('x'.repeat(40)));
    for (const visitor of [wrong, 'no-token']) {
      const refused = await mintFor(key.embed_key, visitor);
      expect(refused).toMatchObject({ status: 401, body: { error: 'unauthenticated' } });
      expect(JSON.stringify(refused.body)).toContain('visitor_secret');
    }
  });

  it('is created once for an idempotency key', async () => {
    const create = () =>
      call<CreatedEmbedKey>('POST', '/v1/projects/shop/embed_keys', {
        key: org.apiKey,
        body: { name: 'once', allowed_origins: [ORIGIN] },
        headers: { 'idempotency-key': 'embed-once' },
      });
    const [first, again] = [await create(), await create()];
    expect(first.status).toBe(201);
    expect(again).toMatchObject({
      status: 409,
      body: { error: 'already_created', id: first.body.id },
    });
    expect(JSON.stringify(again.body)).not.toContain(first.body.visitor_secret);
  });

  it('that is revoked mints nothing, and what it minted is refused', async () => {
    const key = await created();
    const { token } = (await mintFor(key.embed_key)).body;
    expect(await granted(token)).toBe(true);
    const path = `/v1/projects/shop/embed_keys/${key.id}`;
    expect((await call('DELETE', path, { key: (await ground.org()).apiKey })).status).toBe(404);
    expect((await call('DELETE', path, { key: org.apiKey })).status).toBe(204);
    expect((await mintFor(key.embed_key)).status).toBe(401);
    expect(await granted(token)).toBe(false);
  });

  it('mints at a limited rate for each address', async () => {
    const key = await created();
    const all: Awaited<ReturnType<typeof mintFor>>[] = [];
    for (let n = 0; n < 35; n += 1) all.push(await mintFor(key.embed_key));
    const refused = all.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(5);
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
