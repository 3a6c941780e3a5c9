import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { contentDigest } from './digest.ts';
import type { Entry } from './entry.ts';
import { problemText } from './problem.ts';
import { walkFolder } from './walk.ts';

/**
 * Reads a materialised tree whole: its members, and the digest of what is on disk now. Rejects when
 * the folder is absent or holds what no release holds.
 */
export async function readTree(tree: string): Promise<{ entries: Entry[]; content: string }> {
  const { entries, problems } = await walkFolder(tree);
  const [problem] = problems;
  if (problem !== undefined) throw new Error(problemText(problem));
  return { entries, content: await digestOf(tree, entries) };
}

/** The content digest of the members of `root`, their bytes read now. */
export async function digestOf(root: string, entries: readonly Entry[]): Promise<string> {
  const files = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(root, entry.source)), hash);
    files.set(entry.path, hash.digest('hex'));
  }
  return contentDigest(entries, files);
}
