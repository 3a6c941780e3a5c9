import { closeSync, constants, type Dirent, fstatSync, openSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppFolder } from '../port.ts';

/** Files and links of one application. */
const MAX_PATHS = 50_000;
/** Folders within folders. */
const MAX_DEPTH = 64;
/** A text larger than this reads as absent: no harness file is. */
export const MAX_TEXT_BYTES = 1024 * 1024;
/** Folders that hold no harness files and may be huge. */
const SKIPPED = new Set(['.git', 'node_modules']);

export class AppFolderError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AppFolderError';
  }
}

/**
 * An application from a host folder: a materialised release, whose digest was checked, or a
 * builder's own folder; never a tree that sandboxed code can write. Links are named and never
 * followed; `.git` and `node_modules` are left out. Throws {@link AppFolderError} past the bounds.
 */
export async function readAppFolder(root: string): Promise<AppFolder> {
  const files = new Set<string>();
  const links: string[] = [];
  const visit = async (below: string, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) throw new AppFolderError(`${below} is nested too deep`);
    for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!SKIPPED.has(entry.name)) await visit(path, depth + 1);
        continue;
      }
      if (!isListed(entry)) continue;
      if (entry.isFile()) files.add(path);
      else links.push(path);
      if (files.size + links.length > MAX_PATHS) {
        throw new AppFolderError(`the folder holds more than ${MAX_PATHS} files`);
      }
    }
  };
  await visit('', 0);
  return {
    paths: [...files, ...links].sort(),
    text: (path) => (files.has(path) ? readText(join(root, path)) : null),
  };
}

/** An application from texts by path, for folders that exist only in memory. */
export function appFolderOf(files: Readonly<Record<string, string>>): AppFolder {
  const texts = new Map(Object.entries(files));
  return {
    paths: [...texts.keys()].sort(),
    text: (path) => texts.get(path) ?? null,
  };
}

function isListed(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

function readText(path: string): string | null {
  const handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(handle);
    return size > MAX_TEXT_BYTES ? null : readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
}
