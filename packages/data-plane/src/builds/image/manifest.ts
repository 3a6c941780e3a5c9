import { posix } from 'node:path';
import { z } from 'zod';
import { contentDigest } from '../../releases/digest.ts';
import type { Entry } from '../../releases/entry.ts';
import { RELEASE_LIMITS } from '../../releases/limits.ts';
import { resolvePath } from '../../releases/links.ts';
import { memberPathFault, printable } from '../../releases/member-path.ts';

/** First line of an image. */
export const IMAGE_MAGIC = 'karta image 1';

/** The longest manifest, in bytes: 50,000 members with paths of ordinary length. */
export const MAX_MANIFEST_BYTES = 24 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const member = z.union([
  z.tuple([z.literal('directory'), z.string()]),
  z.tuple([z.literal('link'), z.string(), z.string().max(4096)]),
  z.tuple([
    z.literal('file'),
    z.string(),
    z.boolean(),
    z.int().nonnegative().max(RELEASE_LIMITS.fileBytes),
    sha256,
  ]),
]);
const members = z.array(member).max(RELEASE_LIMITS.members);

/**
 * What an image holds. An image is its magic line, this as one line of JSON, and the bytes of the
 * files in the manifest's order: one form for one tree, so its digest is the tree's.
 */
export interface Manifest {
  /** Sorted by path. The `source` of a file is its path. */
  entries: readonly Entry[];
  /** SHA-256 of each file by path, hex. */
  digests: ReadonlyMap<string, string>;
  /** Bytes of all files. */
  totalBytes: number;
  /** The digest of the tree: names the release. */
  digest: string;
}

/** A manifest that no image of ours could have. */
export class ImageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ImageError';
  }
}

export function manifestLine(
  entries: readonly Entry[],
  digests: ReadonlyMap<string, string>,
): string {
  return JSON.stringify(
    entries.map((entry) => {
      if (entry.kind === 'directory') return ['directory', entry.path];
      if (entry.kind === 'link') return ['link', entry.path, entry.target];
      return ['file', entry.path, entry.executable, entry.size, digests.get(entry.path)];
    }),
  );
}

/**
 * Reads a manifest, which is hostile, and holds it to everything that makes it safe to write out:
 * normal paths in order, each once, each below a folder of the image, links that stay inside.
 * Throws `ImageError`.
 */
export function readManifest(line: string): Manifest {
  const parsed = members.safeParse(parseJson(line));
  if (!parsed.success) throw new ImageError('the manifest is not one');
  const entries: Entry[] = [];
  const digests = new Map<string, string>();
  const folders = new Set<string>(['.']);
  let last: string | null = null;
  let totalBytes = 0;
  for (const given of parsed.data) {
    const [kind, path] = given;
    const fault = memberPathFault(path);
    if (fault !== null) throw new ImageError(`${printable(path)} ${fault}`);
    if (last !== null && path <= last) throw new ImageError('the members are not in order');
    last = path;
    if (!folders.has(posix.dirname(path))) {
      throw new ImageError(`${printable(path)} lies in no folder of the image`);
    }
    if (kind === 'directory') {
      folders.add(path);
      entries.push({ kind, path });
    } else if (kind === 'link') {
      entries.push({ kind, path, target: given[2] });
    } else {
      const [, , executable, size, digest] = given;
      totalBytes += size;
      digests.set(path, digest);
      entries.push({ kind, path, source: path, size, executable });
    }
  }
  if (totalBytes > RELEASE_LIMITS.totalBytes) throw new ImageError('the image is too large');
  requireInnerLinks(entries);
  return { entries, digests, totalBytes, digest: contentDigest(entries, digests) };
}

function requireInnerLinks(entries: readonly Entry[]): void {
  const byName = new Map(entries.map((entry) => [entry.path, entry]));
  for (const entry of entries) {
    if (entry.kind !== 'link') continue;
    const { to } = resolvePath(byName, entry.path);
    if (to === 'outside' || to === 'circle' || entry.target.includes('\0')) {
      throw new ImageError(`${printable(entry.path)} is a link out of the image`);
    }
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ImageError('the manifest is not JSON');
  }
}
