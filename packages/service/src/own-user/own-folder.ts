import { lchown, lstat, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const PRIVATE_DIR_MODE = 0o700;

/**
 * Makes a folder, for `owner` alone, and returns a path to it. It lies in a home that a user without
 * rights cannot pass through, so that user's path leads by a descriptor of the folder, which stays
 * open. What was made there before, by another user, becomes the owner's.
 */
export async function ownFolder(folder: string, owner: number | null): Promise<string> {
  await mkdir(folder, { recursive: true, mode: PRIVATE_DIR_MODE });
  if (owner === null) return folder;
  await give(folder, owner);
  const { fd } = await keepOpen(folder);
  return `/proc/self/fd/${fd}`;
}

/** The folder itself last: when this is cut short, the next start goes on. */
async function give(folder: string, owner: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await lstat(path);
    if (found.uid === owner) continue;
    if (found.isDirectory()) await give(path, owner);
    else await lchown(path, owner, owner);
  }
  await lchown(folder, owner, owner);
}

/** A handle that nobody refers to is closed by the garbage collector. */
const kept: unknown[] = [];

async function keepOpen(folder: string) {
  const handle = await open(folder, 'r');
  kept.push(handle);
  return handle;
}
