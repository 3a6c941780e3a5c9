import { newId } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertOrg } from '../identity/org-rows.ts';
import { insertProject } from '../projects/projects.ts';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { claimBuild } from './claim-build.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await startTestDatabase();
});
afterAll(() => test?.close());

/** An org that has put in this many builds, one after the other from `since` on. */
async function orgWith(slug: string, builds: number, since: number): Promise<void> {
  await test.database.transaction().execute(async (tx) => {
    const org = await insertOrg(tx, { slug, name: slug });
    const orgId = org?.id ?? '';
    const actor = { kind: 'api_key', id: 'key_1', orgId, label: 'key_1' } as const;
    const project = await insertProject(tx, actor, { ref: slug, allowed_origins: [] });
    for (let index = 0; index < builds; index += 1) {
      await tx
        .insertInto('builds')
        .values({
          id: newId('build'),
          org_id: orgId,
          project_id: project.id,
          kind: 'upload',
          status: 'queued',
          source_digest: `${slug}-${index}`,
          source_bytes: 1,
          activate: true,
          preview: false,
          by_kind: 'api_key',
          by_id: 'key_1',
          by_label: 'key_1',
          created_at: new Date(since + index),
        })
        .execute();
    }
  });
}

async function finish(id: string): Promise<void> {
  await test.database
    .updateTable('builds')
    .set({ status: 'succeeded' })
    .where('id', '=', id)
    .execute();
}

it('lets no org wait for all that another has put in', async () => {
  await orgWith('loud', 5, 1_000);
  await orgWith('calm', 2, 2_000);
  const running: string[] = [];
  const order: string[] = [];
  for (;;) {
    const build = await claimBuild(test.database, 'grant');
    if (build === undefined) break;
    running.push(build.id);
    order.push(build.source_digest);
    if (running.length === 2) await finish(running.shift() ?? '');
  }
  expect(order).toEqual(['loud-0', 'calm-0', 'loud-1', 'calm-1', 'loud-2', 'loud-3', 'loud-4']);
});

it('gives a build to one of those that ask at once', async () => {
  await orgWith('many', 6, 3_000);
  const asked = Array.from({ length: 10 }, () => claimBuild(test.database, 'grant'));
  const ids = (await Promise.all(asked)).flatMap((build) => build?.id ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(0);
});
