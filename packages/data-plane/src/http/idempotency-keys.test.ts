import type { IdempotencyScope, IdempotencyStore } from '@karta/http';
import { IdempotencyKeys } from '@karta/postgres';
import { LIMITS } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DataTables } from '../sql/index.ts';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await startTestDatabase();
});
afterAll(() => test.close());

function keys(): IdempotencyStore & IdempotencyKeys<DataTables> {
  return new IdempotencyKeys(test.database, LIMITS.idempotencyMs);
}

let count = 0;
function freshScope(): IdempotencyScope {
  count += 1;
  return { orgId: 'org_1', principalId: 'key_1', route: 'createSession proj_1', key: `k${count}` };
}

it('lets one request begin, others wait, and tells what came of it', async () => {
  const store = keys();
  const scope = freshScope();
  const states = await Promise.all(Array.from({ length: 8 }, () => store.begin(scope, 'digest')));
  expect(states.filter(({ state }) => state === 'fresh')).toHaveLength(1);
  expect(states.filter(({ state }) => state === 'pending')).toHaveLength(7);
  await store.complete(scope, 'sess_1', 201);
  expect(await store.begin(scope, 'digest')).toEqual({
    state: 'done',
    objectId: 'sess_1',
    status: 201,
  });
  expect(await store.begin(scope, 'other')).toEqual({ state: 'conflict' });
});

it('keeps keys of other principals, orgs and routes apart', async () => {
  const store = keys();
  const scope = freshScope();
  await store.begin(scope, 'digest');
  for (const other of [{ orgId: 'org_2' }, { principalId: 'key_2' }, { route: 'cancelTurn x' }]) {
    expect(await store.begin({ ...scope, ...other }, 'another')).toEqual({ state: 'fresh' });
  }
});

it('forgets an abandoned key, never a completed one', async () => {
  const store = keys();
  const scope = freshScope();
  await store.begin(scope, 'digest');
  await store.abandon(scope);
  expect(await store.begin(scope, 'other')).toEqual({ state: 'fresh' });
  await store.complete(scope, 'sess_1', 201);
  await store.abandon(scope);
  expect(await store.begin(scope, 'other')).toMatchObject({ state: 'done' });
});

it('hands on the key of a request that died at work, and of one whose day is over', async () => {
  const store = keys();
  const died = freshScope();
  await store.begin(died, 'digest');
  await test.database
    .updateTable('idempotency_keys')
    .set({ begun_at: new Date(Date.now() - 16 * 60_000) })
    .where('key', '=', died.key)
    .execute();
  expect(await store.begin(died, 'digest')).toEqual({ state: 'fresh' });

  const over = freshScope();
  await store.begin(over, 'digest');
  await store.complete(over, 'sess_1', 201);
  await test.database
    .updateTable('idempotency_keys')
    .set({ expires_at: new Date(Date.now() - 1) })
    .where('key', '=', over.key)
    .execute();
  expect(await store.begin(over, 'other')).toEqual({ state: 'fresh' });
});

it('sweeps only what is over, and holds no body', async () => {
  const store = keys();
  const [kept, over] = [freshScope(), freshScope()];
  await store.begin(kept, 'digest');
  await store.begin(over, 'digest');
  await test.database
    .updateTable('idempotency_keys')
    .set({ expires_at: new Date(Date.now() - 1) })
    .where('key', '=', over.key)
    .execute();
  await store.sweep();
  expect(await store.begin(over, 'digest')).toEqual({ state: 'fresh' });
  expect(await store.begin(kept, 'digest')).toEqual({ state: 'pending' });
  const columns = await test.database.selectFrom('idempotency_keys').selectAll().executeTakeFirst();
  expect(Object.keys(columns ?? {}).sort()).toEqual([
    'begun_at',
    'body_digest',
    'expires_at',
    'key',
    'object_id',
    'org_id',
    'principal_id',
    'route',
    'status',
  ]);
});
