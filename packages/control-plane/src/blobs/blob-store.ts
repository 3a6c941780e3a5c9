import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { tooLarge } from '@karta/http';
import { KartaError } from '@karta/protocol';

export interface StoredBlob {
  /** SHA-256 of the content, hex: its name. */
  digest: string;
  bytes: number;
}

/** Opaque content, named by its digest: archives and images. Nothing here looks inside one. */
export interface BlobStore {
  /**
   * Stores a stream whole or not at all. Throws `KartaError`: `payload_too_large` beyond `maxBytes`,
   * `invalid_request` when it ends early or is not what `expected` says, `storage_full`.
   */
  put(
    content: AsyncIterable<Uint8Array>,
    limits: { maxBytes: number; expected?: string },
  ): Promise<StoredBlob>;
  /** The content, or `null` when it is not there. */
  open(digest: string): Promise<{ bytes: number; body: Readable } | null>;
  /** Every blob, and when it was last put, in milliseconds since the epoch. */
  list(): AsyncIterable<{ digest: string; modifiedAt: number }>;
  /**
   * Removes one that was not put after `unlessAfter` (milliseconds since the epoch); tells the bytes
   * that this freed. Absent is fine.
   */
  remove(digest: string, unlessAfter?: number): Promise<number>;
}

/** A blob store in a folder, readable by the platform's own user alone. */
export async function openBlobFolder(folder: string): Promise<BlobStore> {
  const drafts = join(folder, 'drafts');
  await mkdir(drafts, { recursive: true, mode: 0o700 });
  // Of uploads that a crash cut short; one process writes here.
  for (const name of await readdir(drafts)) await rm(join(drafts, name), { force: true });
  /** Putting in place and removing go one after the other, so that what was just put stays. */
  let moving: Promise<unknown> = Promise.resolve();
  function inTurn<T>(move: () => Promise<T>): Promise<T> {
    const moved = moving.then(move);
    moving = moved.catch(() => undefined);
    return moved;
  }
  const pathOf = (digest: string) => join(folder, digest.slice(0, 2), digest);

  return {
    async put(content, limits) {
      const draft = join(drafts, randomBytes(12).toString('hex'));
      try {
        const stored = await writeDraft(draft, content, limits.maxBytes);
        if (limits.expected !== undefined && limits.expected !== stored.digest) {
          throw new KartaError('invalid_request', 'The content is not what its digest says.');
        }
        const path = pathOf(stored.digest);
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await inTurn(() => rename(draft, path));
        return stored;
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },
    async open(digest) {
      const path = pathOf(requireDigest(digest));
      const found = await statOf(path);
      return found === null ? null : { bytes: found.size, body: createReadStream(path) };
    },
    async *list() {
      for (const shelf of await readdir(folder)) {
        if (!/^[0-9a-f]{2}$/.test(shelf)) continue;
        for (const digest of await readdir(join(folder, shelf))) {
          const found = await statOf(join(folder, shelf, digest));
          if (found !== null) yield { digest, modifiedAt: found.mtimeMs };
        }
      }
    },
    remove(digest, unlessAfter = Number.POSITIVE_INFINITY) {
      const path = pathOf(requireDigest(digest));
      return inTurn(async () => {
        const found = await statOf(path);
        if (found === null || found.mtimeMs > unlessAfter) return 0;
        await rm(path, { force: true });
        return found.size;
      });
    },
  };
}

async function statOf(path: string): Promise<Stats | null> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

async function writeDraft(
  path: string,
  content: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } catch (error) {
    throw storageFault(error);
  } finally {
    await file.close();
  }
  return { digest: hash.digest('hex'), bytes };
}

function storageFault(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (KartaError.is(error)) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new KartaError('storage_full', undefined, { cause: error });
  }
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new KartaError('invalid_request', 'The upload ended before it was complete.', {
      cause: error,
    });
  }
  return error;
}

function requireDigest(digest: string): string {
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new TypeError('not a digest');
  return digest;
}
