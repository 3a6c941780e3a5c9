import { createHash } from 'node:crypto';
import type { Entry } from './entry.ts';

/** SHA-256 of each file's bytes by path, hex. */
export type FileDigests = ReadonlyMap<string, string>;

/**
 * The digest of a tree's content: SHA-256 over one JSON line per member, sorted by path. Modes count
 * only as "executable or not", times and owners not at all, so the same files give the same digest
 * on every machine.
 */
export function contentDigest(entries: readonly Entry[], files: FileDigests): string {
  const hash = createHash('sha256');
  hash.update('karta content 1\n');
  for (const entry of entries) hash.update(`${JSON.stringify(line(entry, files))}\n`);
  return hash.digest('hex');
}

function line(entry: Entry, files: FileDigests): unknown[] {
  switch (entry.kind) {
    case 'directory':
      return ['directory', entry.path];
    case 'link':
      return ['link', entry.path, entry.target];
    case 'file': {
      const digest = files.get(entry.path);
      if (digest === undefined) throw new Error(`no digest of ${entry.path}`);
      return ['file', entry.path, entry.executable, digest];
    }
  }
}
