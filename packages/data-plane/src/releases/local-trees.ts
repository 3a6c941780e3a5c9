import { randomBytes } from 'node:crypto';
import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DRAFT_PREFIX } from './draft-release.ts';
import { releasesFolder } from './paths.ts';

/** The materialised releases of a home, by digest. */
export async function releasesIn(home: string): Promise<{ digest: string; path: string }[]> {
  const folder = releasesFolder(home);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((digest) => ({ digest, path: join(folder, digest) }));
}

/** How long ago the folder was filled, in milliseconds: nothing writes into a release. */
export async function ageOf(path: string): Promise<number> {
  return Date.now() - (await stat(path)).mtimeMs;
}

/**
 * Takes a release out of its place in one step: nobody finds half of one. Its new path, which a
 * process that dies leaves to the next one to remove, as it does with drafts.
 */
export async function moveAway(home: string, path: string): Promise<string> {
  const name = `${DRAFT_PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`;
  const target = join(releasesFolder(home), name);
  await rename(path, target);
  return target;
}
