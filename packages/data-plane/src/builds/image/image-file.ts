import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Manifest } from './manifest.ts';
import { imageOf } from './write-image.ts';

/** Writes the image of a tree to a new file; tells its SHA-256 (hex) and size. */
export async function writeImageFile(
  path: string,
  tree: string,
  manifest: Manifest,
): Promise<{ digest: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of imageOf(tree, manifest.entries, manifest.digests)) {
      hash.update(chunk);
      bytes += chunk.length;
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return { digest: hash.digest('hex'), bytes };
}
