import { chown, mkdir, open } from 'node:fs/promises';

const PRIVATE_DIR_MODE = 0o700;

/**
 * Makes the journal's folder, for `owner` alone, and returns a path to it. It lies in a home that a
 * user without rights cannot pass through, so that user's path leads by a descriptor of the folder,
 * which stays open.
 */
export async function journalFolder(folder: string, owner: number | null): Promise<string> {
  await mkdir(folder, { recursive: true, mode: PRIVATE_DIR_MODE });
  if (owner === null) return folder;
  await chown(folder, owner, owner);
  const { fd } = await keepOpen(folder);
  return `/proc/self/fd/${fd}`;
}

/** A handle that nobody refers to is closed by the garbage collector. */
const kept: unknown[] = [];

async function keepOpen(folder: string) {
  const handle = await open(folder, 'r');
  kept.push(handle);
  return handle;
}
