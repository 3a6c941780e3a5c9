import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createHarnesses } from '@karta/harness';
import { expect, test } from 'vitest';
import { appFolderOf } from './app-folder.ts';
import { bundledDigests } from './bundled.ts';
import { resolveConfigLinks } from './config-links.ts';
import { releaseEnv } from './env-values.ts';
import { readKartaToml } from './karta-toml.ts';
import { takeSnapshot } from './testing/snapshot.ts';
import { tempFolder } from './testing/temp-folder.ts';
import { walkFolder } from './walk.ts';

const EXAMPLES = join(import.meta.dirname, '../../../../examples');

test('the bundled examples have nothing to warn of and are known as such', async () => {
  const bundled = await bundledDigests();
  const found = await readdir(EXAMPLES, { withFileTypes: true });
  const names = found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(0);
  const home = await tempFolder('karta-bundled-');
  for (const name of names) {
    const folder = join(EXAMPLES, name);
    const walked = await walkFolder(folder);
    const flat = resolveConfigLinks(walked.entries);
    const snapshot = await takeSnapshot(home, folder, flat.entries);
    expect(bundled.has(snapshot.content), name).toBe(true);
    const app = appFolderOf(snapshot.path, snapshot.entries);
    const { toml, problems } = readKartaToml(app);
    const detected = [...createHarnesses().values()]
      .map((harness) => harness.detect(app))
      .filter((detection) => detection.present);
    expect(detected.length, name).toBeGreaterThan(0);
    expect([
      ...walked.problems,
      ...flat.problems,
      ...problems,
      ...releaseEnv(app, toml, {}).problems,
      ...detected.flatMap((detection) => detection.problems),
    ]).toEqual([]);
    await snapshot.discard();
  }
});
