import { type BuildView, newId } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertOrg } from '../identity/org-rows.ts';
import { insertProject } from '../projects/projects.ts';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { followBuild } from './build-events.ts';
import { createBuildLog } from './build-log.ts';
import { buildView } from './build-view.ts';

let test: TestDatabase;
beforeAll(async () => {
  test = await startTestDatabase();
});
afterAll(() => test?.close());

it('followers hear of the end once the nodes know of it, and not as soon as it is recorded', async () => {
  const { database } = test;
  const where = await endedBuild('held');
  const log = createBuildLog(database);
  const tellEnd = log.holdEnd(where.buildId);
  const heard: string[] = [];
  let looks = 0;
  const build = async (): Promise<BuildView> => {
    looks += 1;
    return buildView(database, { urlOf: () => 'http://localhost/x' }, where);
  };
  const gone = new AbortController().signal;
  const follower = { buildLog: log, buildId: where.buildId, build, after: 0, gone };
  const followed = followBuild(follower)
    .text()
    .then((text) => {
      heard.push('followers');
      return text;
    });
  const looked = () => {
    log.changed(where.buildId);
    return looks;
  };
  await expect.poll(looked).toBeGreaterThan(3);
  heard.push('nodes');
  tellEnd();
  expect(await followed).toMatch(/^event: build\ndata: .*"status":"succeeded"/);
  expect(heard).toEqual(['nodes', 'followers']);
});

/** A build that is recorded as having gone well. */
async function endedBuild(ref: string): Promise<{ orgId: string; ref: string; buildId: string }> {
  return test.database.transaction().execute(async (tx) => {
    const org = await insertOrg(tx, { slug: ref, name: ref });
    const orgId = org?.id ?? '';
    const actor = { kind: 'api_key', id: 'key_1', orgId, label: 'key_1' } as const;
    const project = await insertProject(tx, actor, { ref, allowed_origins: [] });
    const buildId = newId('build');
    await tx
      .insertInto('builds')
      .values({
        id: buildId,
        org_id: orgId,
        project_id: project.id,
        kind: 'upload',
        status: 'succeeded',
        source_digest: 'digest',
        source_bytes: 1,
        activate: true,
        preview: false,
        by_kind: 'api_key',
        by_id: 'key_1',
        by_label: 'key_1',
        created_at: new Date(),
        finished_at: new Date(),
      })
      .execute();
    return { orgId, ref, buildId };
  });
}
