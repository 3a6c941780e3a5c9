import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copyTree } from './copy-tree.ts';
import { contentDigest } from './digest.ts';
import type { Entry } from './entry.ts';
import { releaseFolder, releasesFolder } from './paths.ts';
import { readTree } from './read-tree.ts';

/** A copy of a folder that nobody else changes, not yet a release. */
export interface Snapshot {
  path: string;
  entries: readonly Entry[];
  /** Digest of the bytes that were written. */
  content: string;
  /** Makes it the release of its digest: there whole, or not at all. The same again is fine. */
  keep(): Promise<void>;
  /** Removes it, if it was not kept. */
  discard(): Promise<void>;
}

const PREFIX = '.publish-';

/**
 * Copies a folder's members beside the releases. Everything after (detection, digest) reads this
 * copy, so that a folder edited in the meantime cannot become a release that nobody looked at. On
 * any failure, a full disk included, nothing stays behind.
 */
export async function takeSnapshot(
  home: string,
  folder: string,
  entries: readonly Entry[],
): Promise<Snapshot> {
  const releases = releasesFolder(home);
  await mkdir(releases, { recursive: true });
  await removeLeftovers(releases);
  const path = join(releases, `${PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`);
  const discard = () => rm(path, { recursive: true, force: true });
  try {
    await mkdir(path, { mode: 0o700 });
    const files = await copyTree(folder, path, entries);
    const copied = entries.map((entry) =>
      entry.kind === 'file' ? { ...entry, source: entry.path } : entry,
    );
    const content = contentDigest(copied, files);
    return { path, entries: copied, content, keep: () => keep(home, path, content), discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

async function keep(home: string, path: string, content: string): Promise<void> {
  const target = releaseFolder(home, content);
  await chmod(path, 0o755);
  if ((await contentAt(target)) === content) {
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

/** Removes the copies of publishes whose process has died in the middle. */
async function removeLeftovers(releases: string): Promise<void> {
  for (const name of await readdir(releases)) {
    const pid = new RegExp(`^\\${PREFIX}(\\d+)-`).exec(name)?.[1];
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
