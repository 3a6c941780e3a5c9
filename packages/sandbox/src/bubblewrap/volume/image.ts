import { execFile } from 'node:child_process';
import { open, readdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SandboxError } from '../../port.ts';
import { program } from '../programs.ts';

const run = promisify(execFile);

/**
 * Lazy tables and no zeroing keep the making at some 10 ms and 1-2 MB of real disk; a small journal
 * is kept, as a volume must survive the loss of power; nothing is reserved for root.
 */
const MKFS_OPTIONS = [
  '-q',
  ...['-m', '0'],
  ...['-J', 'size=4'],
  ...['-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard'],
];
/** Smaller ones leave no room for a journal. */
const LEAST_BYTES = 16 * 1024 * 1024;
/** How long the kernel may take to let go of an image whose last user has been killed. */
const DETACH_TIMEOUT_MS = 15_000;
const DETACH_POLL_MS = 5;

/** Makes an empty file system in a sparse file. Its size is the quota. */
export async function makeImage(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.truncate(Math.max(LEAST_BYTES, bytes));
  } finally {
    await file.close();
  }
  await run(program('mkfs.ext4'), [...MKFS_OPTIONS, path], { env: {} });
}

/** Bytes the image takes on the host: what was ever written and not trimmed since. */
export async function imageBytes(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    return (await file.stat()).blocks * 512;
  } finally {
    await file.close();
  }
}

/** Waits until no loop device has the image: mounting it twice at once would destroy it. */
export async function detached(path: string): Promise<void> {
  const real = await realpath(path);
  const end = Date.now() + DETACH_TIMEOUT_MS;
  while (await attached(real)) {
    if (Date.now() > end) throw new SandboxError('busy', 'the volume is still mounted');
    await new Promise((resolve) => setTimeout(resolve, DETACH_POLL_MS));
  }
}

async function attached(image: string): Promise<boolean> {
  const devices = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const files = await Promise.all(
    devices.map((name) =>
      // A device with no file has no such entry.
      readFile(join('/sys/block', name, 'loop/backing_file'), 'utf8').catch(() => ''),
    ),
  );
  return files.some((file) => file.trimEnd() === image);
}
