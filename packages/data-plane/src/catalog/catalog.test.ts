import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProjectRecord, ReleaseRecord, SyncBody } from '@karta/protocol';
import { expect, test } from 'vitest';
import { tempFolder } from '../releases/testing/temp-folder.ts';
import { type CatalogChange, openCatalog } from './catalog.ts';

function project(id: string, change: Partial<ProjectRecord> = {}): ProjectRecord {
  return {
    id,
    org_id: 'org_1',
    org_slug: 'acme',
    ref: id,
    active_release_id: null,
    allowed_origins: [],
    embed_origins: [],
    is_default: false,
    previews: [],
    deleted: false,
    ...change,
  };
}

function release(id: string, change: Partial<ReleaseRecord> = {}): ReleaseRecord {
  return {
    id,
    org_id: 'org_1',
    project_id: 'shop',
    version: 'v1',
    digest: 'a'.repeat(64),
    harness: { id: 'opencode', version: '1.0.0' },
    config: {
      memory_mb: null,
      cpus: null,
      disk_mb: null,
      max_turn_ms: null,
      env: {},
      secrets: [],
      model_default: null,
      model_fallback: [],
      network_allow: [],
      provider_tools: false,
    },
    created_at: '2026-01-01T00:00:00+00:00',
    revoked_at: null,
    standing: 'kept',
    ...change,
  };
}

function sync(since: number, version: number, change: Partial<SyncBody> = {}): SyncBody {
  return {
    protocol: 1,
    since,
    version,
    complete: false,
    projects: [],
    releases: [],
    denials: [],
    rate_limits: [],
    nodes: 1,
    staff_origins: [],
    token_keys: { keys: [] },
    ...change,
  };
}

test('changes add up, are told of, and are there after a restart', async () => {
  const home = await tempFolder();
  const catalog = await openCatalog(home);
  const changes: CatalogChange[] = [];
  catalog.onChange((change) => changes.push(change));
  const all = { complete: true, projects: [project('shop')], releases: [release('rel_1')] };
  expect(await catalog.apply(sync(0, 5, all))).toBe(5);
  const active = [project('shop', { active_release_id: 'rel_1', is_default: true })];
  expect(await catalog.apply(sync(5, 6, { projects: active }))).toBe(6);
  expect([...(changes[1]?.projectIds ?? [])]).toEqual(['shop']);
  expect([...(changes[1]?.releaseIds ?? [])]).toEqual([]);

  const again = await openCatalog(home);
  expect(again.version).toBe(6);
  expect(again.defaultProject('org_1')).toMatchObject({ ref: 'shop' });
  expect(again.activeReleases()).toMatchObject([{ id: 'rel_1' }]);
  expect(again.projectOfHost('org_1', 'shop-acme')).toMatchObject({ activeReleaseId: 'rel_1' });
});

test('a sync over another number is left alone, a complete one forgets what it does not name', async () => {
  const catalog = await openCatalog(await tempFolder());
  await catalog.apply(sync(0, 5, { complete: true, projects: [project('old')] }));
  expect(await catalog.apply(sync(3, 8, { projects: [project('new')] }))).toBe(5);
  expect(catalog.project('org_1', 'new')).toBeNull();
  // A control plane restored from a backup counts from an earlier number.
  expect(await catalog.apply(sync(0, 2, { complete: true, projects: [project('new')] }))).toBe(2);
  expect(catalog.project('org_1', 'old')).toBeNull();
  expect(catalog.project('org_1', 'new')).not.toBeNull();
});

test("nothing of another org is found, and a preview's ref until it expires", async () => {
  const catalog = await openCatalog(await tempFolder());
  const preview = (ref: string, expires_at: string) => ({ ref, release_id: 'rel_1', expires_at });
  const previews = [
    preview('shop--now', '2999-01-01T00:00:00+00:00'),
    preview('shop--over', '2001-01-01T00:00:00+00:00'),
  ];
  const all = { projects: [project('shop', { previews })], releases: [release('rel_1')] };
  await catalog.apply(sync(0, 1, { complete: true, ...all }));
  expect(catalog.project('org_1', 'shop--now')).toMatchObject({ activeReleaseId: 'rel_1' });
  expect(catalog.project('org_1', 'shop--over')).toBeNull();
  expect(catalog.project('org_2', 'shop')).toBeNull();
  expect(catalog.release('org_2', 'rel_1')).toBeNull();
  expect(catalog.projectById('org_2', 'shop')).toBeNull();
});

test('a deleted project and a revoked release are gone from what can start', async () => {
  const catalog = await openCatalog(await tempFolder());
  const active = project('shop', { active_release_id: 'rel_1' });
  await catalog.apply(
    sync(0, 1, { complete: true, projects: [active], releases: [release('rel_1')] }),
  );
  const revoked_at = '2026-02-01T00:00:00+00:00';
  await catalog.apply(sync(1, 2, { releases: [release('rel_1', { revoked_at })] }));
  expect(catalog.activeReleases()).toEqual([]);
  expect(catalog.revokedReleaseIds()).toEqual(['rel_1']);
  await catalog.apply(sync(2, 3, { projects: [project('shop', { deleted: true })] }));
  expect(catalog.hasProject('shop')).toBe(false);
});

test('an org that is stopped is told of, and again when it is not; nothing is kept warm for it', async () => {
  const home = await tempFolder();
  const catalog = await openCatalog(home);
  const changes: CatalogChange[] = [];
  catalog.onChange((change) => changes.push(change));
  const active = project('shop', { active_release_id: 'rel_1' });
  await catalog.apply(
    sync(0, 1, { complete: true, projects: [active], releases: [release('rel_1')] }),
  );
  const denied = (until: number) => [{ kind: 'org', id: 'org_1', issued_before: null, until }];
  const stop = sync(1, 2);
  await catalog.apply({ ...stop, denials: denied(253_370_764_800) as SyncBody['denials'] });
  expect([...(changes[1]?.orgIds ?? [])]).toEqual(['org_1']);
  expect((await openCatalog(home)).stoppedOrgIds()).toEqual(['org_1']);
  expect(catalog.activeReleases()).toEqual([]);
  await catalog.apply({ ...sync(2, 3), denials: denied(0) as SyncBody['denials'] });
  expect([...(changes[2]?.orgIds ?? [])]).toEqual(['org_1']);
  expect(catalog.stoppedOrgIds()).toEqual([]);
  expect(catalog.activeReleases()).toHaveLength(1);
});

test('a damaged file is an error that names it', async () => {
  const home = await tempFolder();
  await (await openCatalog(home)).apply(sync(0, 1, { complete: true, projects: [project('a')] }));
  await writeFile(join(home, 'data/catalog.json'), '{"format":1');
  await expect(openCatalog(home)).rejects.toThrow('catalog.json');
});
