import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../releases/entry.ts';
import { IMAGE_MAGIC, manifestLine } from './manifest.ts';

/** SHA-256 of each file's bytes by path, hex, read now. */
export async function fileDigests(
  root: string,
  entries: readonly Entry[],
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(root, entry.source))) hash.update(chunk);
    digests.set(entry.path, hash.digest('hex'));
  }
  return digests;
}

/**
 * The image of a tree, from its first line to its last byte. Throws when a file has another size
 * than its entry says: whoever reads the image would take the next file's bytes for this one's.
 */
export async function* imageOf(
  root: string,
  entries: readonly Entry[],
  digests: ReadonlyMap<string, string>,
): AsyncGenerator<Buffer> {
  yield Buffer.from(`${IMAGE_MAGIC}\n${manifestLine(entries, digests)}\n`);
  for (const entry of entries) {
    if (entry.kind !== 'file' || entry.size === 0) continue;
    let left = entry.size;
    for await (const chunk of createReadStream(join(root, entry.source))) {
      left -= (chunk as Buffer).length;
      if (left < 0) break;
      yield chunk as Buffer;
    }
    if (left !== 0) throw new Error(`${entry.path} changed while it was read`);
  }
}
