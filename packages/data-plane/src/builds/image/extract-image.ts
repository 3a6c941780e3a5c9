import { createHash } from 'node:crypto';
import { chmod, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../../releases/entry.ts';
import { printable } from '../../releases/member-path.ts';
import { modeOf } from '../../releases/tree-modes.ts';
import { ByteSource } from './byte-source.ts';
import {
  IMAGE_MAGIC,
  ImageError,
  MAX_MANIFEST_BYTES,
  type Manifest,
  readManifest,
} from './manifest.ts';

/** An image that was written out. */
export interface Extracted {
  manifest: Manifest;
  /** SHA-256 of the image itself, hex. */
  imageDigest: string;
  imageBytes: number;
}

/**
 * Writes an image out into the empty folder `to`, each byte held against its digest. The image is
 * hostile: nothing is written but what its checked manifest names, and nothing outside `to`.
 * `check` may refuse the manifest before anything is written. Throws `ImageError`, or the file
 * system's error; what was written by then is the caller's to remove.
 */
export async function extractImage(
  image: AsyncIterable<Uint8Array>,
  to: string,
  check: (manifest: Manifest) => void = () => {},
): Promise<Extracted> {
  const hash = createHash('sha256');
  let imageBytes = 0;
  const source = new ByteSource(image, (chunk) => {
    hash.update(chunk);
    imageBytes += chunk.length;
  });
  const magic = await source.line(IMAGE_MAGIC.length);
  if (magic !== IMAGE_MAGIC) throw new ImageError('this is no image');
  const line = await source.line(MAX_MANIFEST_BYTES);
  if (line === null) throw new ImageError('the image ends within its manifest');
  const manifest = readManifest(line);
  check(manifest);
  for (const entry of manifest.entries) await writeMember(entry, to, source, manifest);
  if (!(await source.atEnd())) throw new ImageError('the image has more than its manifest says');
  return { manifest, imageDigest: hash.digest('hex'), imageBytes };
}

async function writeMember(
  entry: Entry,
  to: string,
  source: ByteSource,
  { digests }: Manifest,
): Promise<void> {
  const target = join(to, entry.path);
  if (entry.kind === 'link') {
    await symlink(entry.target, target);
    return;
  }
  if (entry.kind === 'directory') {
    await mkdir(target);
    await chmod(target, modeOf(entry));
    return;
  }
  const file = await open(target, 'wx', modeOf(entry));
  try {
    const hash = createHash('sha256');
    for await (const chunk of source.take(entry.size)) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.chmod(modeOf(entry));
    if (hash.digest('hex') !== digests.get(entry.path)) {
      throw new ImageError(`${printable(entry.path)} is not what its digest says`);
    }
  } finally {
    await file.close();
  }
}
