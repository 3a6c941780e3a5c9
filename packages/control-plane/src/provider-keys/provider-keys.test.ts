import { randomBytes } from 'node:crypto';
import {
  type ProviderKey,
  type ProviderKeyList,
  providerKeyAnswer,
  validatedCredential,
} from '@karta/protocol';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeysGround, startKeys, type TestOrg } from '../keys/testing/keys-ground.ts';
import { endpointRules } from '../webhooks/endpoint-address.ts';
import { localKms } from './kms.ts';
import { ProviderKeys } from './provider-keys.ts';
import { rewrapKeys } from './rewrap.ts';

let ground: KeysGround;
let org: TestOrg;
beforeAll(async () => {
  ground = await startKeys();
  org = await ground.org();
});
afterAll(() => ground?.close());

const newSecret = () => `sk-ant-${randomBytes(16).toString('hex')}`;
const set = (key: string, body: unknown) => ground.call('POST', '/v1/provider_keys', { key, body });
const setAnthropic = async (of: TestOrg, secret = newSecret()): Promise<ProviderKey> => {
  const answer = await set(of.apiKey, { provider: 'anthropic', secret: { api_key: secret } });
  expect(answer.status).toBe(201);
  return answer.json() as Promise<ProviderKey>;
};
const list = async (of: TestOrg) =>
  (await (
    await ground.call('GET', '/v1/provider_keys', { key: of.apiKey })
  ).json()) as ProviderKeyList;

async function grantOf(of: TestOrg): Promise<string> {
  const answer = await ground.node.call(
    {
      method: 'POST',
      path: '/v1/internal/credentials/validate',
      json: { credential: of.apiKey },
    },
    validatedCredential,
  );
  return answer?.org_grant ?? '';
}
const fetched = async (of: TestOrg, grant: string, provider = 'anthropic') =>
  ground.doors.call(
    {
      method: 'POST',
      path: '/v1/internal/doors/provider-keys',
      json: { org_id: of.id, provider },
      grant,
    },
    providerKeyAnswer,
  );
const stored = (id: string) =>
  ground.database.database
    .selectFrom('provider_keys')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();

describe('a provider key', () => {
  it('is written once, shown by its last four, and told to the doors alone', async () => {
    const secret = newSecret();
    const key = await setAnthropic(org, `  ${secret}\n`);
    expect(key).toMatchObject({ provider: 'anthropic', last_four: secret.slice(-4) });
    for (const path of ['/v1/provider_keys', `/v1/provider_keys/${key.id}`]) {
      const text = await (await ground.call('GET', path, { key: org.apiKey })).text();
      expect(text).toContain(key.id);
      expect(text).not.toContain(secret);
    }
    const grant = await grantOf(org);
    expect(await fetched(org, grant)).toEqual({
      id: key.id,
      provider: 'anthropic',
      secret: { api_key: secret },
    });
    const byPlane = await ground.node.fetch({
      method: 'POST',
      path: '/v1/internal/doors/provider-keys',
      json: { org_id: org.id, provider: 'anthropic' },
      grant,
    });
    expect(byPlane.status).toBe(404);
  });

  it('needs the grant of its org, while the org is not suspended', async () => {
    const [owner, other] = [await ground.org(), await ground.org()];
    await setAnthropic(owner);
    expect(await fetched(owner, await grantOf(other))).toBeNull();
    expect(await fetched(owner, '')).toBeNull();
    const grant = await grantOf(owner);
    expect(await fetched(owner, grant, 'openai')).toBeNull();
    expect(await fetched(owner, grant)).not.toBeNull();
    await ground.database.asOwner(`update orgs set suspended_at = now() where id = '${owner.id}'`);
    expect(await fetched(owner, grant)).toBeNull();
  });

  it('replaces the one before, which is destroyed in the same moment', async () => {
    const of = await ground.org();
    const first = await setAnthropic(of);
    const second = await setAnthropic(of);
    expect((await list(of)).provider_keys.map(({ id }) => id)).toEqual([second.id]);
    expect(await stored(first.id)).toMatchObject({
      sealed: null,
      wrapped_key: null,
      kek_id: null,
      destroyed_at: expect.any(Date),
    });
    const gone = await ground.call('GET', `/v1/provider_keys/${first.id}`, { key: of.apiKey });
    expect(gone.status).toBe(404);
  });

  it('is one, however many are set at once', async () => {
    const of = await ground.org();
    await Promise.all(Array.from({ length: 6 }, () => setAnthropic(of)));
    expect((await list(of)).provider_keys).toHaveLength(1);
  });

  it('of somebody else is not there', async () => {
    const [owner, other] = [await ground.org(), await ground.org()];
    const { id } = await setAnthropic(owner);
    for (const [method, path] of [
      ['GET', `/v1/provider_keys/${id}`],
      ['DELETE', `/v1/provider_keys/${id}`],
      ['POST', `/v1/provider_keys/${id}/test`],
    ] as const) {
      expect((await ground.call(method, path, { key: other.apiKey })).status).toBe(404);
    }
    expect((await list(owner)).provider_keys).toHaveLength(1);
  });

  it('is destroyed on demand: nothing but its name is left, and the doors get none', async () => {
    const of = await ground.org();
    const { id } = await setAnthropic(of);
    const removed = await ground.call('DELETE', `/v1/provider_keys/${id}`, { key: of.apiKey });
    expect(removed.status).toBe(204);
    expect(await stored(id)).toMatchObject({ sealed: null, wrapped_key: null, kek_id: null });
    expect(await fetched(of, await grantOf(of))).toBeNull();
    const again = await ground.call('DELETE', `/v1/provider_keys/${id}`, { key: of.apiKey });
    expect(again.status).toBe(404);
  });

  it('cannot be changed by a test key', async () => {
    const of = await ground.org('test');
    const answer = await set(of.apiKey, { provider: 'openai', secret: { api_key: newSecret() } });
    expect(answer.status).toBe(403);
  });

  it('can be tested through a data plane only', async () => {
    const of = await ground.org();
    const { id } = await setAnthropic(of);
    const answer = await ground.call('POST', `/v1/provider_keys/${id}/test`, { key: of.apiKey });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: 'control_unavailable' });
  });
});

describe('what is no key', () => {
  const base = { provider: 'openai-compatible', secret: { api_key: 'sk-compatible' } };
  it.each([
    ['an unknown provider', { provider: 'acme', secret: { api_key: 'sk-12345678' } }],
    ['a key with a line break in it', { provider: 'openai', secret: { api_key: 'sk-1234\n5678' } }],
    [
      'a key with a letter of another script',
      { provider: 'openai', secret: { api_key: 'sk-12345ü78' } },
    ],
    ['another provider’s parts', { provider: 'bedrock', secret: { api_key: 'sk-12345678' } }],
    [
      'no service account',
      { provider: 'vertex', secret: { service_account: '{}', location: 'eu' } },
    ],
    [
      'a region that is a host',
      {
        provider: 'bedrock',
        secret: {
          access_key_id: 'AKIA12345678',
          secret_access_key: 'sk-12345678',
          region: 'evil.example',
        },
      },
    ],
    ['a base URL in front of this network', { ...base, base_url: 'https://169.254.169.254/v1' }],
    ['a base URL of this machine', { ...base, base_url: 'https://127.0.0.1:8001/v1' }],
    ['a base URL without TLS', { ...base, base_url: 'http://93.184.215.14/v1' }],
    ['a base URL with a query', { ...base, base_url: 'https://93.184.215.14/v1?key=1' }],
    ['a base URL with credentials', { ...base, base_url: 'https://a:b@93.184.215.14/v1' }],
  ])('is refused: %s, without saying it back', async (_what, body) => {
    const answer = await set(org.apiKey, body);
    const text = await answer.text();
    expect(answer.status, text).toBe(422);
    expect(text).not.toMatch(/sk-1234|sk-compatible/);
  });

  it('is accepted on a public address, without the slash at its end', async () => {
    const of = await ground.org();
    const answer = await set(of.apiKey, { ...base, base_url: 'https://93.184.215.14/v1/' });
    expect(await answer.json()).toMatchObject({ base_url: 'https://93.184.215.14/v1' });
    const key = await fetched(of, await grantOf(of), 'openai-compatible');
    expect(key?.secret).toEqual({
      api_key: 'sk-compatible',
      base_url: 'https://93.184.215.14/v1',
    });
  });

  it('says whether it has Responses', async () => {
    const of = await ground.org();
    await set(of.apiKey, { ...base, base_url: 'https://93.184.215.14/v1', responses: true });
    const key = await fetched(of, await grantOf(of), 'openai-compatible');
    expect(key?.secret).toMatchObject({ apis: 'chat,responses' });
  });
});

describe('the org', () => {
  it('says whether a refused call goes on with the platform’s key: by default it does not', async () => {
    const of = await ground.org();
    expect((await list(of)).platform_fallback).toBe(false);
    const changed = await ground.call('PATCH', '/v1/provider_keys', {
      key: of.apiKey,
      body: { platform_fallback: true },
    });
    expect(await changed.json()).toEqual({ provider_keys: [], platform_fallback: true });
  });

  it('finds each change in its audit log, and no secret', async () => {
    const of = await ground.org();
    const secret = newSecret();
    const first = await setAnthropic(of, secret);
    const second = await setAnthropic(of, secret);
    await ground.call('DELETE', `/v1/provider_keys/${second.id}`, { key: of.apiKey });
    const text = await (await ground.call('GET', '/v1/audit', { key: of.apiKey })).text();
    expect(text).not.toContain(secret);
    const { events } = JSON.parse(text) as {
      events: { action: string; details: Record<string, unknown> }[];
    };
    const mine = events.filter(({ action }) => action.startsWith('provider_keys.'));
    expect(mine.map(({ action }) => action)).toEqual([
      'provider_keys.destroy',
      'provider_keys.set',
      'provider_keys.set',
    ]);
    expect(mine[1]?.details).toMatchObject({ replaced: first.id });
  });
});

it('keys are wrapped anew by a new key-encryption key, also while they are replaced', async () => {
  const { database } = ground.database;
  const hex = () => randomBytes(32).toString('hex');
  const [older, newer] = [hex(), hex()];
  const of = await ground.org();
  const actor = { kind: 'api_key', id: of.keyId, orgId: of.id, label: of.keyId } as const;
  const roomOf = (kms: ReturnType<typeof localKms>) =>
    new ProviderKeys({
      database,
      kms,
      rules: endpointRules({ allowPrivate: [] }),
      changed: async () => {},
    });
  const before = roomOf(localKms(older));
  await database.deleteFrom('provider_keys').where('org_id', '<>', of.id).execute();
  const secret = { api_key: newSecret() };
  await before.set(actor, { provider: 'anthropic', secret });
  await before.set(actor, { provider: 'openai', secret });
  const both = localKms(`${newer} ${older}`);
  expect(await rewrapKeys(database, both)).toBe(2);
  expect(await rewrapKeys(database, both)).toBe(0);
  const after = roomOf(localKms(newer));
  expect((await after.open(of.id, 'openai'))?.secret).toEqual(secret);
  await expect(before.open(of.id, 'openai')).rejects.toThrow('not among those');
  await expect(rewrapKeys(database, localKms(hex()))).rejects.toThrow('not among those');
});

it('nothing of a key is in a dump of the database', async () => {
  const of = await ground.org();
  const secret = newSecret();
  await setAnthropic(of, secret);
  const { database } = ground.database;
  const tables = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public'`.execute(database);
  let dump = '';
  for (const { name } of tables.rows) {
    dump += JSON.stringify(await sql`select * from ${sql.table(name)}`.execute(database));
  }
  expect(dump).toContain(of.keyId);
  expect(dump).not.toContain(secret);
  expect(dump).not.toContain(Buffer.from(secret).toString('base64').slice(0, -4));
});
