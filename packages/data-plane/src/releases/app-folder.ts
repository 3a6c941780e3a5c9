import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { AppFolder } from '@karta/harness';
import type { Entry } from './entry.ts';
import { RELEASE_LIMITS } from './limits.ts';
import { resolvePath } from './links.ts';

/** A materialised tree as harness adapters read it: paths, and the text of small files. */
export function appFolderOf(tree: string, entries: readonly Entry[]): AppFolder {
  const members = new Map(entries.map((entry) => [entry.path, entry]));
  return {
    paths: entries.filter((entry) => entry.kind !== 'directory').map((entry) => entry.path),
    text(path) {
      const resolved = resolvePath(members, path);
      if (resolved.to !== 'inside' || members.get(resolved.path)?.kind !== 'file') return null;
      return smallText(join(tree, resolved.path));
    },
  };
}

function smallText(path: string): string | null {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = fstatSync(file);
    if (size > RELEASE_LIMITS.textBytes) return null;
    const bytes = Buffer.alloc(size);
    let read = 0;
    while (read < size) {
      const more = readSync(file, bytes, read, size - read, read);
      if (more === 0) break;
      read += more;
    }
    return bytes.toString('utf8', 0, read).replace(/^\uFEFF/, '');
  } finally {
    closeSync(file);
  }
}
