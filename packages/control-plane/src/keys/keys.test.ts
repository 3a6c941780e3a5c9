import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import {
  type apiKeyList,
  type auditList,
  type CreatedApiKey,
  validatedCredential,
} from '@karta/protocol';
import { credentialsPath, isApiKey, keyPrefix, loadPepper } from '@karta/service/home';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { ensureFirstKey } from './first-key.ts';
import { type KeysGround, startKeys, type TestOrg } from './testing/keys-ground.ts';

type KeyList = z.infer<typeof apiKeyList>;
type AuditPage = z.infer<typeof auditList>;

let ground: KeysGround;
let org: TestOrg;
beforeAll(async () => {
  ground = await startKeys();
  org = await ground.org();
});
afterAll(() => ground.close());

/** Of the answer that the test is for; of another one its fields are missing. */
async function answerOf<Body>(response: Response): Promise<Body> {
  return (await response.json()) as Body;
}

async function create(body: object, key = org.apiKey, headers: Record<string, string> = {}) {
  const response = await ground.call('POST', '/v1/keys', { key, body, headers });
  return { status: response.status, body: await answerOf<CreatedApiKey>(response) };
}

const validate = (credential: string) =>
  ground.node.call(
    { method: 'POST', path: '/v1/internal/credentials/validate', json: { credential } },
    validatedCredential,
  );

describe('an API key', () => {
  it('is shown once, works at once, and is listed without its secret', async () => {
    const made = await create({ name: 'ci', scopes: ['write', 'write'] });
    expect(made.status).toBe(201);
    const { api_key: secret, ...shown } = made.body;
    expect(isApiKey(secret)).toBe(true);
    expect(shown).toMatchObject({
      name: 'ci',
      mode: 'live',
      scopes: ['write'],
      prefix: keyPrefix(secret),
      created_by: org.keyId,
      last_used_at: null,
      revoked_at: null,
    });
    const list = await answerOf<KeyList>(await ground.call('GET', '/v1/keys', { key: org.apiKey }));
    expect(list.keys).toContainEqual(shown);
    expect(JSON.stringify(list)).not.toContain(secret);
    expect(await validate(secret)).toMatchObject({ principal_id: shown.id, org_id: org.id });
    const { rows } = await ground.database.database
      .selectFrom('api_keys')
      .selectAll()
      .execute()
      .then((all) => ({ rows: JSON.stringify(all) }));
    expect(rows).not.toContain(secret);
  });

  it('is held to its scopes on the control plane', async () => {
    const writer = (await create({ name: 'writer' })).body.api_key;
    for (const [method, path] of [
      ['GET', '/v1/keys'],
      ['POST', '/v1/keys'],
    ] as const) {
      const body = method === 'POST' ? { body: { name: 'x' } } : {};
      expect((await ground.call(method, path, { key: writer, ...body })).status).toBe(403);
    }
  });

  it('that is revoked is refused everywhere, and foreign ones are absent', async () => {
    const made = (await create({ name: 'gone' })).body;
    const other = await ground.org();
    const path = `/v1/keys/${made.id}`;
    expect((await ground.call('DELETE', path, { key: other.apiKey })).status).toBe(404);
    expect(await validate(made.api_key)).not.toBeNull();
    expect((await ground.call('DELETE', path, { key: org.apiKey })).status).toBe(204);
    expect(await validate(made.api_key)).toBeNull();
    expect((await ground.call('GET', '/v1/keys', { key: made.api_key })).status).toBe(401);
    // Again is no error, and the time of the first one stays.
    expect((await ground.call('DELETE', path, { key: org.apiKey })).status).toBe(204);
    const denied = await ground.database.database
      .selectFrom('denials')
      .select('kind')
      .where('id', '=', made.id)
      .execute();
    expect(denied).toEqual([{ kind: 'api_key' }]);
  });

  it('of a suspended or deleted org is refused', async () => {
    const suspended = await ground.org();
    const set = (values: object) =>
      ground.database.database
        .updateTable('orgs')
        .set(values)
        .where('id', '=', suspended.id)
        .execute();
    await set({ suspended_at: new Date() });
    expect((await ground.call('GET', '/v1/keys', { key: suspended.apiKey })).status).toBe(403);
    await expect(validate(suspended.apiKey)).rejects.toMatchObject({ code: 'org_suspended' });
    await set({ suspended_at: null, deleted_at: new Date() });
    expect((await ground.call('GET', '/v1/keys', { key: suspended.apiKey })).status).toBe(401);
    expect(await validate(suspended.apiKey)).toBeNull();
  });

  it('of test mode makes test keys only, and cannot touch live ones', async () => {
    const tests = await ground.org('test');
    const live = await create({ name: 'live' }, tests.apiKey);
    expect(live.status).toBe(403);
    const made = await create({ name: 'test', mode: 'test' }, tests.apiKey);
    expect(made.body.api_key).toMatch(/^kt_test_/);
    expect(await validate(made.body.api_key)).toMatchObject({ mode: 'test' });
  });

  it('tells when it was last used', async () => {
    const made = (await create({ name: 'used', scopes: ['admin'] })).body;
    await validate(made.api_key);
    await ground.rooms.stop();
    const list = await answerOf<KeyList>(await ground.call('GET', '/v1/keys', { key: org.apiKey }));
    const found = list.keys.find((key) => key.id === made.id);
    expect(Date.parse(found?.last_used_at ?? '')).toBeGreaterThan(Date.now() - 60_000);
  });

  it('is paged newest first', async () => {
    const paged = await ground.org();
    for (let n = 0; n < 4; n += 1) await create({ name: `n${n}` }, paged.apiKey);
    const names: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await answerOf<KeyList>(
        await ground.call('GET', `/v1/keys?limit=2${query}`, { key: paged.apiKey }),
      );
      names.push(...page.keys.map((key) => key.name));
      cursor = page.next_cursor;
    }
    expect(names).toEqual(['n3', 'n2', 'n1', 'n0', 'first']);
  });
});

describe('a repeated creation', () => {
  it('makes one key, and tells its id but not its secret', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const all = await Promise.all(
      Array.from({ length: 4 }, () => create({ name: 'once' }, org.apiKey, headers)),
    );
    expect(all.map((one) => one.status).sort()).toEqual([201, 409, 409, 409]);
    const made = all.find((one) => one.status === 201)?.body;
    expect(made?.api_key).toMatch(/^kt_live_/);
    for (const { body } of all.filter((one) => one.status === 409)) {
      expect(body).toMatchObject({ error: 'already_created', id: made?.id });
      expect(JSON.stringify(body)).not.toContain(made?.api_key);
    }
    const other = await create({ name: 'another' }, org.apiKey, headers);
    expect(other).toMatchObject({ status: 409, body: { error: 'idempotency_conflict' } });
  });
});

describe('the audit log', () => {
  it('has each change and no secret', async () => {
    const audited = await ground.org();
    const made = (await create({ name: 'audited' }, audited.apiKey)).body;
    await ground.call('DELETE', `/v1/keys/${made.id}`, { key: audited.apiKey });
    const log = await answerOf<AuditPage>(
      await ground.call('GET', '/v1/audit', { key: audited.apiKey }),
    );
    const actions = log.events.map((event) => event.action);
    expect(actions).toEqual(expect.arrayContaining(['keys.create', 'keys.revoke']));
    expect(JSON.stringify(log)).not.toContain(made.api_key);
  });
});

describe('the first key of a home', () => {
  it('is written once; a lost file makes a fresh key and ends the lost one', async () => {
    const home = ground.home;
    const first = await ground.org();
    const parts = { home, database: ground.database.database, pepper: await loadPepper(home) };
    const one = await ensureFirstKey(parts, first.id, { controlUrl: 'http://localhost:8001' });
    expect(await ensureFirstKey(parts, first.id)).toEqual(one);
    expect(JSON.parse(await readFile(credentialsPath(home), 'utf8'))).toEqual(one);
    expect(await validate(one.api_key)).toMatchObject({ org_id: first.id });
    await rm(credentialsPath(home));
    const two = await ensureFirstKey(parts, first.id);
    expect(two.api_key).not.toBe(one.api_key);
    expect(await validate(one.api_key)).toBeNull();
    expect(await validate(two.api_key)).toMatchObject({ scopes: ['read', 'write', 'admin'] });
  });
});
