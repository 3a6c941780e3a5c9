import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KartaError } from '@karta/protocol';
import { expect, test } from 'vitest';
import type { Release } from '../control/port.ts';
import { createReleaseLoader } from './load-release.ts';
import { releaseFolder } from './paths.ts';
import { ABSENT, INSTALLED, layoutHarness } from './testing/layout-harness.ts';
import { takeSnapshot } from './testing/snapshot.ts';
import { folderOf, tempFolder } from './testing/temp-folder.ts';
import { walkFolder } from './walk.ts';

async function releaseOf(home: string): Promise<Release> {
  const folder = await folderOf({ 'AGENTS.md': 'hello', 'karta.toml': '[model]\ndefault="m"\n' });
  const snapshot = await takeSnapshot(home, folder, (await walkFolder(folder)).entries);
  await snapshot.keep();
  return {
    id: 'rel_1',
    orgId: 'org_1',
    projectId: 'proj_1',
    version: 'v1',
    digest: snapshot.content,
    harness: { id: 'opencode', version: '1.2.3' },
    createdAt: new Date(0),
    config: {
      memoryMb: null,
      cpus: null,
      diskMb: null,
      maxTurnMs: null,
      env: {},
      modelDefault: null,
      modelFallback: [],
      networkAllow: [],
      providerTools: false,
    },
  };
}

const openCode = layoutHarness('opencode', ['AGENTS.md'], INSTALLED);

async function faultOf(loading: Promise<unknown>): Promise<string> {
  const error = await loading.then(
    () => null,
    (reason: unknown) => reason,
  );
  return KartaError.is(error) ? `${error.code}: ${error.message}` : String(error);
}

test('a release is loaded with its files and its detection', async () => {
  const home = await tempFolder();
  const release = await releaseOf(home);
  const loaded = await createReleaseLoader(home, [openCode])(release);
  expect(loaded.path).toBe(releaseFolder(home, release.digest));
  expect(loaded.app.text('AGENTS.md')).toBe('hello');
  expect(loaded.detection.present).toBe(true);
  expect(loaded.toml.model?.default).toBe('m');
});

test('a changed release is never run, and a publish repairs it', async () => {
  const home = await tempFolder();
  const release = await releaseOf(home);
  const load = createReleaseLoader(home, [openCode]);
  await writeFile(join(releaseFolder(home, release.digest), 'AGENTS.md'), 'other');
  expect(await faultOf(load(release))).toMatch(/^harness_missing: The release was changed on disk/);
  await releaseOf(home);
  await expect(load(release)).resolves.toBeDefined();
});

test('a release that is not here, and a harness that is not, say so', async () => {
  const home = await tempFolder();
  const release = await releaseOf(home);
  await rm(releaseFolder(home, release.digest), { recursive: true });
  const load = (harness = openCode) => createReleaseLoader(home, [harness])(release);
  expect(await faultOf(load())).toMatch(/^harness_missing: The release is not on this server/);
  const absent = layoutHarness('opencode', [], ABSENT);
  expect(await faultOf(load(absent))).toBe('harness_missing: Install it: npm i it');
  const other = layoutHarness('opencode', [], {
    installed: true,
    version: '2.0.0',
    binary: '/bin/true',
  });
  expect(await faultOf(load(other))).toMatch(
    /published for OpenCode 1\.2\.3; 2\.0\.0 is installed/,
  );
  const claude = layoutHarness('claude-code', [], INSTALLED);
  expect(await faultOf(load(claude))).toMatch(/no harness "opencode"/);
});
