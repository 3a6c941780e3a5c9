import { KartaError } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomOf } from './crash-points.ts';
import {
  KEEP,
  type ReleaseGround,
  type ReleaseProject,
  startReleaseGround,
} from './release-ground.ts';

/**
 * Oracle. Whatever happens at once: no session that has not ended is pinned to a release whose files
 * are gone; the active release, the newest, and those with a live preview have theirs.
 */

const SEEDS = process.env.KARTA_TIER === 'full' ? 200 : 5;
const STEPS = 25;
const HOURS = 60 * 60 * 1000;

let ground: ReleaseGround;
beforeAll(async () => {
  ground = await startReleaseGround();
});
afterAll(() => ground?.close());

/** Codes that the platform may answer in a race; everything else fails the test. */
async function unlessRefused(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    const fine = ['release_expired', 'release_revoked', 'no_active_release', 'not_found'];
    if (!KartaError.is(error) || !fine.includes(error.code)) throw error;
  });
}

async function listed(): Promise<string[]> {
  const digests: string[] = [];
  for await (const { digest } of ground.blobs.list()) digests.push(digest);
  return digests;
}

async function publishMany(project: ReleaseProject, count: number): Promise<string[]> {
  const versions: string[] = [];
  for (let made = 0; made < count; made += 1) versions.push(await project.publish());
  return versions;
}

test('old releases go; the active one, the newest, previewed and pinned ones stay', async () => {
  const project = await ground.project();
  await publishMany(project, 1);
  const pinned = await project.session();
  await publishMany(project, 1);
  await ground.releases.preview(project.actor, project.ref, 'v2');
  await publishMany(project, 4);
  await ground.collector.collect();
  expect(await project.kept()).toEqual(['v1', 'v2', 'v5', 'v6']);
  const gone = ground.releases.activate(project.actor, project.ref, 'v3');
  await expect(gone).rejects.toMatchObject({ code: 'release_expired' });

  await project.end(pinned);
  await ground.collector.collect();
  expect(await project.kept()).toEqual(['v2', 'v5', 'v6']);
  const { details } = await ground.control.database
    .selectFrom('audit_events')
    .select('details')
    .where('org_id', '=', project.actor.orgId)
    .where('action', '=', 'releases.collect')
    .orderBy('seq', 'desc')
    .executeTakeFirstOrThrow();
  expect(details).toEqual({ project: project.ref, versions: ['v1'] });
});

test('what a rollback would go back to stays, however old it is', async () => {
  const project = await ground.project();
  await publishMany(project, 5);
  await ground.releases.activate(project.actor, project.ref, 'v1');
  await ground.collector.collect();
  expect(await project.kept()).toEqual(['v1', 'v4', 'v5']);
  await publishMany(project, 3);
  await ground.collector.collect();
  expect(await project.kept()).toEqual(['v7', 'v8']);
  const back = await ground.releases.rollback(project.actor, project.ref);
  expect(back).toMatchObject({ version: 'v7' });
});

test('a release that is activated again before its last session has ended stays', async () => {
  const project = await ground.project();
  await publishMany(project, 1);
  const pinned = await project.session();
  await publishMany(project, 4);
  await ground.collector.collect();
  await ground.releases.activate(project.actor, project.ref, 'v1');
  await project.end(pinned);
  await ground.collector.collect();
  expect(await project.kept()).toContain('v1');
  await project.session();
  expect(await project.stranded()).toEqual([]);
});

test('a session that is being created while the collector looks keeps its release', async () => {
  const project = await ground.project();
  await publishMany(project, 1);
  const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
  const creating = project.session({
    within: () => {
      begins();
      return mayEnd;
    },
  });
  await begun;
  await publishMany(project, 4);
  await ground.collector.collect();
  expect(await project.kept()).toEqual(['v1', 'v4', 'v5']);
  end();
  await creating;
  await ground.collector.collect();
  expect(await project.kept()).toEqual(['v1', 'v4', 'v5']);
  expect(await project.stranded()).toEqual([]);
});

test('a node that miscounts strands a session: these tests would see it', async () => {
  const project = await ground.project();
  await publishMany(project, 1);
  await project.session();
  await publishMany(project, 4);
  const careless = await ground.collectorAsking({ among: async () => [] });
  await careless.collect();
  expect(await project.stranded()).toHaveLength(1);
});

test('a node that has not heard of the newest change is not believed', async () => {
  const project = await ground.project();
  await publishMany(project, 1);
  await project.session();
  const versions = ['v1', ...(await publishMany(project, 4))];
  const behind = await ground.collectorAsking({ among: async () => [] }, { version: 1 });
  await behind.collect();
  expect(await project.kept()).toEqual(versions);
});

test('who looked the project up a moment ago gets the release that is active by now', async () => {
  const project = await ground.project();
  await publishMany(project, 1);
  const lookedUp = await project.lookUp();
  await publishMany(project, 4);
  await ground.collector.collect();
  await project.session({ project: lookedUp });
  expect(await project.pinnedVersions()).toEqual(['v5']);
});

test('a node that cannot be asked keeps everything', async () => {
  const project = await ground.project();
  const versions = await publishMany(project, 5);
  await ground.stopNode();
  await ground.collector.collect();
  expect(await project.kept()).toEqual(versions);
  await ground.startNode();
  await expect
    .poll(
      async () => {
        await ground.collector.collect();
        return project.kept();
      },
      { timeout: 20_000 },
    )
    .toEqual(versions.slice(-KEEP));
});

test('images and archives go when nothing names them, and what was just put stays', async () => {
  const project = await ground.project();
  await project.publish({ content: 'shared' });
  const stored = async () => (await listed()).length;
  const before = await stored();
  await publishMany(project, 3);
  await ground.collector.collect();
  expect(await stored()).toBe(before + 6);
  expect(await project.kept()).toEqual(['v3', 'v4']);

  // The same content of another project names the same image.
  const other = await ground.project();
  await other.publish({ content: 'shared' });
  ground.ahead(2 * HOURS);
  const { bytes } = await ground.collector.collect();
  ground.ahead(0);
  expect(bytes).toBeGreaterThan(0);
  const rows = await ground.control.database
    .selectFrom('releases')
    .select(['image_blob', 'source_digest', 'expired_at', 'project_id'])
    .execute();
  const kept = rows.filter(({ expired_at }) => expired_at === null);
  const named = new Set(kept.flatMap((row) => [row.image_blob, row.source_digest]));
  const left = await listed();
  expect(new Set(left)).toEqual(named);

  // Published again, a release whose files went has them again, under its number.
  expect(await project.publish({ content: 'shared' })).toBe('v1');
  await project.session();
  expect(await project.stranded()).toEqual([]);
});

test('everything of a deleted project goes, once its sessions have ended', async () => {
  const project = await ground.project();
  await publishMany(project, 2);
  const session = await project.session();
  await ground.control.database
    .updateTable('projects')
    .set({ deleted_at: new Date(), active_release_id: null })
    .where('id', '=', project.projectId)
    .execute();
  await ground.collector.collect();
  expect(await project.kept()).toEqual(['v2']);
  await project.end(session);
  await ground.collector.collect();
  expect(await project.kept()).toEqual([]);
});

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  'whatever happens at once, no session loses its release (seed %i)',
  async (seed) => {
    const random = randomOf(seed);
    const below = (most: number) => Math.floor(random() * most);
    const project = await ground.project();
    await project.publish();
    let newest = 1;
    const sessions: string[] = [];
    const previews: string[] = [];
    const steps: (() => Promise<void>)[] = [
      () => ground.collector.collect().then(() => undefined),
      async () => {
        const version = await project.publish({ activate: random() < 0.7 });
        newest = Math.max(newest, Number(version.slice(1)));
      },
      async () => {
        const content = `${project.ref} ${1 + below(newest)}`;
        await project.publish({ content, activate: random() < 0.3 });
      },
      () =>
        unlessRefused(
          ground.releases.activate(project.actor, project.ref, `v${1 + below(newest)}`),
        ),
      () => unlessRefused(ground.releases.rollback(project.actor, project.ref)),
      () =>
        unlessRefused(
          ground.releases
            .preview(project.actor, project.ref, `v${1 + below(newest)}`)
            .then(({ ref }) => previews.push(ref)),
        ),
      async () => {
        await ground.control.database
          .deleteFrom('previews')
          .where('ref', '=', previews[below(previews.length)] ?? '')
          .execute();
      },
      () => unlessRefused(project.session().then((id) => sessions.push(id))),
      () => {
        const ref = previews[below(previews.length)];
        if (ref === undefined) return Promise.resolve();
        return unlessRefused(project.session({ ref }).then((id) => sessions.push(id)));
      },
      async () => {
        const [id] = sessions.splice(below(sessions.length), 1);
        if (id !== undefined) await project.end(id);
      },
    ];
    for (let step = 0; step < STEPS; step += 1) {
      const some = Array.from({ length: 1 + below(4) }, () => steps[below(steps.length)]);
      await Promise.all(some.map((one) => one?.()));
      expect(await project.stranded(), `step ${step}`).toEqual([]);
    }
    for (const id of sessions) await project.end(id);
    await ground.control.database
      .deleteFrom('previews')
      .where('project_id', '=', project.projectId)
      .execute();
    await ground.collector.collect();
    const active = await ground.releases.list(project.actor.orgId, project.ref, { limit: 100 });
    const kept = await project.kept();
    expect(kept).toContain(active.find((one) => one.active)?.version);
    expect(kept.length).toBeLessThanOrEqual(KEEP + 2);
  },
);
