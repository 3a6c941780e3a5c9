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

/**
 * The digest of a release: its content, the harness with its exact version, and the configuration
 * it was published with. Two releases of one digest are the same release in everything that runs.
 */
export function releaseDigest(parts: {
  content: string;
  harness: { id: string; version: string };
  env: Readonly<Record<string, string>>;
}): string {
  const env = Object.entries(parts.env).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = JSON.stringify([parts.content, parts.harness.id, parts.harness.version, env]);
  return createHash('sha256').update(`karta release 1\n${canonical}`).digest('hex');
}
