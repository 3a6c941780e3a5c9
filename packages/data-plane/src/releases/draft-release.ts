import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseFolder, releasesFolder } from './paths.ts';
import { readTree } from './read-tree.ts';

/** An empty folder beside the releases that may become one. */
export interface DraftRelease {
  path: string;
  /**
   * Makes it the release of this digest, which its content must have: there whole, or not at all.
   * The same again is fine.
   */
  keep(digest: string): Promise<void>;
  /** Removes it, if it was not kept. */
  discard(): Promise<void>;
}

/** Of folders that are no release yet, or no more; the maker's process id follows. */
export const DRAFT_PREFIX = '.publish-';

/** Makes a draft; drafts of processes that died in the middle go first. */
export async function draftRelease(home: string): Promise<DraftRelease> {
  const releases = releasesFolder(home);
  await mkdir(releases, { recursive: true });
  await removeLeftovers(releases);
  const path = join(releases, `${DRAFT_PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`);
  await mkdir(path, { mode: 0o700 });
  return {
    path,
    keep: (digest) => keep(home, path, digest),
    discard: () => rm(path, { recursive: true, force: true }),
  };
}

async function keep(home: string, path: string, digest: string): Promise<void> {
  const target = releaseFolder(home, digest);
  await chmod(path, 0o755);
  if ((await contentAt(target)) === digest) {
    await rm(path, { recursive: true, force: true });
    return;
  }
  // Whatever stands there is no release: a rename onto it would fail, so it goes first.
  await rm(target, { recursive: true, force: true });
  await rename(path, target);
}

async function contentAt(target: string): Promise<string | null> {
  try {
    return (await readTree(target)).content;
  } catch {
    return null; // absent or unreadable: both are replaced
  }
}

/** Removes the drafts of processes that have died. */
async function removeLeftovers(releases: string): Promise<void> {
  for (const name of await readdir(releases)) {
    const pid = new RegExp(`^\\${DRAFT_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(releases, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
