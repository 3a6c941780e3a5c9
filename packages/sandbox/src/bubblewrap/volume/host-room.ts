import { statfs } from 'node:fs/promises';
import { SandboxError } from '../../port.ts';

/**
 * Free bytes of the host below which no sandbox starts on an image. Images are sparse: one that
 * grows when the host is full loses what it wrote, its own directories too.
 */
export const LEAST_FREE_BYTES = 32 * 1024 * 1024;

/** Throws `SandboxError('disk_full')` when the file system of `folder` has fewer bytes free. */
export async function requireHostRoom(folder: string, bytes = LEAST_FREE_BYTES): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  throw new SandboxError('disk_full', 'the disk that holds the sessions is full');
}
