import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from './entry.ts';
import { modeOf } from './tree-modes.ts';

const CHUNK_BYTES = 256 * 1024;

/** Thrown when the folder changes while it is copied. */
export class FolderChanged extends Error {
  constructor(path: string) {
    super(`${path} changed while it was read`);
    this.name = 'FolderChanged';
  }
}

/**
 * Copies the members of `from` into the empty folder `to` and tells the digest of the bytes that
 * were written, so that what is digested is what will run. Throws {@link FolderChanged}, or the file
 * system's error (`ENOSPC` when the disk is full).
 */
export async function copyTree(
  from: string,
  to: string,
  entries: readonly Entry[],
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const entry of entries) {
    const target = join(to, entry.path);
    if (entry.kind === 'directory') {
      await mkdir(target);
      await chmod(target, modeOf(entry));
    } else if (entry.kind === 'link') {
      await symlink(entry.target, target);
    } else {
      digests.set(entry.path, await copyFile(join(from, entry.source), target, entry));
    }
  }
  return digests;
}

async function copyFile(
  source: string,
  target: string,
  entry: Extract<Entry, { kind: 'file' }>,
): Promise<string> {
  const input = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ELOOP') throw new FolderChanged(entry.path);
      throw error;
    },
  );
  try {
    const mode = modeOf(entry);
    const output = await open(target, 'wx', mode);
    try {
      const hash = createHash('sha256');
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, entry.size + 1));
      let size = 0;
      for (;;) {
        const { bytesRead } = await input.read(buffer, 0, buffer.length);
        if (bytesRead === 0) break;
        size += bytesRead;
        if (size > entry.size) throw new FolderChanged(entry.path);
        const chunk = buffer.subarray(0, bytesRead);
        hash.update(chunk);
        await output.writeFile(chunk);
      }
      if (size !== entry.size) throw new FolderChanged(entry.path);
      await output.chmod(mode);
      return hash.digest('hex');
    } finally {
      await output.close();
    }
  } finally {
    await input.close();
  }
}
