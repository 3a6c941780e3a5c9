import { newId } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { ensureFirstOrg } from './first-org.ts';
import { insertOrg } from './org-rows.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await startTestDatabase();
});
afterAll(() => test?.close());

it('is made once by several at once, under the id of an older home, and stays', async () => {
  const id = newId('org');
  const made = await Promise.all([1, 2, 3].map(() => ensureFirstOrg(test.database, id)));
  expect(made.map(({ orgId }) => orgId)).toEqual([id, id, id]);
  expect(made.filter(({ created }) => created)).toHaveLength(1);
  expect(await ensureFirstOrg(test.database)).toEqual({ orgId: id, created: false });
});

it('gives way to whoever has its slug or its id', async () => {
  const id = newId('org');
  const insert = (slug: string, withId: typeof id) =>
    test.database.transaction().execute((tx) => insertOrg(tx, { slug, name: slug }, withId));
  expect(await insert('first-of-both', id)).toMatchObject({ id, slug: 'first-of-both' });
  expect(await insert('first-of-both', newId('org'))).toBeNull();
  expect(await insert('second-of-both', id)).toBeNull();
});
