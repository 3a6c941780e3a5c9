import type { AppFolder, Detection, Harness } from '@karta/harness';
import { KartaError } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import { appFolderOf } from './app-folder.ts';
import type { Entry } from './entry.ts';
import { readKartaToml } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { releaseFolder } from './paths.ts';
import { readTree } from './read-tree.ts';

/** A release as it is on this machine, checked against its digest. */
export interface LoadedRelease {
  /** The read-only tree. */
  path: string;
  entries: readonly Entry[];
  harness: Harness;
  app: AppFolder;
  detection: Detection;
  toml: KartaToml;
}

/**
 * Loads releases, each checked against its digest once: a tree that is absent or changed is
 * `KartaError('harness_missing')`, never run. So is a harness that is absent or of another version.
 */
export function createReleaseLoader(
  home: string,
  harnesses: readonly Harness[],
): (release: Release) => Promise<LoadedRelease> {
  const loaded = new Map<string, Promise<LoadedRelease>>();
  return async (release) => {
    const key = `${release.digest} ${release.harness.id} ${release.harness.version}`;
    const known = loaded.get(key);
    if (known !== undefined) return known;
    const loading = load(home, harnesses, release);
    loaded.set(key, loading);
    // A failure may be repaired (publish again, install the harness), so it is not remembered.
    loading.catch(() => loaded.delete(key));
    return loading;
  };
}

async function load(
  home: string,
  harnesses: readonly Harness[],
  release: Release,
): Promise<LoadedRelease> {
  const harness = harnesses.find((known) => known.id === release.harness.id);
  const { id, version } = release.harness;
  if (harness === undefined) {
    throw new KartaError('harness_missing', `This server has no harness "${id}".`);
  }
  const installation = await harness.installed();
  if (!installation.installed) throw new KartaError('harness_missing', installation.message);
  if (installation.version !== version) {
    throw new KartaError(
      'harness_missing',
      `The release was published for ${harness.name} ${version}; ${installation.version} is installed. Publish it again.`,
    );
  }
  const path = releaseFolder(home, release.digest);
  const tree = await readTree(path).catch((cause: unknown) => {
    throw new KartaError('harness_missing', 'The release is not on this server.', { cause });
  });
  if (tree.content !== release.digest) {
    throw new KartaError('harness_missing', 'The release was changed on disk. Publish it again.');
  }
  const app = appFolderOf(path, tree.entries);
  const { toml } = readKartaToml(app);
  return { path, entries: tree.entries, harness, app, detection: harness.detect(app), toml };
}
