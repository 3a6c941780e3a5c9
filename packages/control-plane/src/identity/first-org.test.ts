import { newId } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { ensureFirstOrg } from './first-org.ts';

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
