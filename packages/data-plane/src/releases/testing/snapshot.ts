import { copyTree } from '../copy-tree.ts';
import { contentDigest } from '../digest.ts';
import { draftRelease } from '../draft-release.ts';
import type { Entry } from '../entry.ts';

/** A copy of a folder that nobody else changes, not yet a release. */
export interface Snapshot {
  path: string;
  entries: readonly Entry[];
  /** Digest of the bytes that were written. */
  content: string;
  /** Makes it the release of its digest: there whole, or not at all. The same again is fine. */
  keep(): Promise<void>;
  /** Removes it, if it was not kept. */
  discard(): Promise<void>;
}

/**
 * Copies a folder's members beside the releases. Everything after (detection, digest) reads this
 * copy, so that a folder edited in the meantime cannot become a release that nobody looked at. On
 * any failure, a full disk included, nothing stays behind.
 */
export async function takeSnapshot(
  home: string,
  folder: string,
  entries: readonly Entry[],
): Promise<Snapshot> {
  const draft = await draftRelease(home);
  const { path, discard } = draft;
  try {
    const files = await copyTree(folder, path, entries);
    const copied = entries.map((entry) =>
      entry.kind === 'file' ? { ...entry, source: entry.path } : entry,
    );
    const content = contentDigest(copied, files);
    return { path, entries: copied, content, keep: () => draft.keep(content), discard };
  } catch (error) {
    await discard();
    throw error;
  }
}
