import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { imageCompressor } from './compressed-image.ts';
import type { Manifest } from './manifest.ts';
import { imageOf } from './write-image.ts';

/** An image as the control plane keeps it. */
export interface ImageFile {
  /** SHA-256 of the file, hex. */
  digest: string;
  /** Of the file. */
  bytes: number;
}

/** Writes the image of a tree to a new file, compressed. */
export async function writeImageFile(
  path: string,
  tree: string,
  manifest: Manifest,
): Promise<ImageFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    const image = imageOf(tree, manifest.entries, manifest.digests);
    await pipeline(Readable.from(image), imageCompressor(), async (compressed) => {
      for await (const chunk of compressed as AsyncIterable<Buffer>) {
        hash.update(chunk);
        bytes += chunk.length;
        await file.writeFile(chunk);
      }
    });
  } finally {
    await file.close();
  }
  return { digest: hash.digest('hex'), bytes };
}
