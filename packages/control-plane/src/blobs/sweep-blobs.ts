import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';
import type { BlobStore } from './blob-store.ts';

/** How long a blob may lie there before a row names it, in milliseconds. */
const UNNAMED_MS = 60 * 60 * 1000;
/** Digests that are looked for at once. */
const BATCH = 500;

/**
 * Removes images and archives that no kept release and no build on its way names. Tells how many
 * bytes were freed. `now` in milliseconds since the epoch.
 */
export async function sweepBlobs(
  database: Database,
  blobs: BlobStore,
  now: number,
): Promise<number> {
  let freed = 0;
  let batch: string[] = [];
  const sweep = async () => {
    const named = await namedOf(database, batch);
    for (const digest of batch) {
      if (!named.has(digest)) freed += await blobs.remove(digest, now - UNNAMED_MS);
    }
    batch = [];
  };
  for await (const { digest, modifiedAt } of blobs.list()) {
    if (modifiedAt > now - UNNAMED_MS) continue;
    batch.push(digest);
    if (batch.length === BATCH) await sweep();
  }
  await sweep();
  return freed;
}

async function namedOf(database: Database, digests: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ digest: string }>`
    select image_blob as digest from releases
      where expired_at is null and image_blob = any(${digests})
    union select source_digest from releases
      where expired_at is null and source_digest = any(${digests})
    union select source_digest from builds
      where status in ('queued', 'running') and source_digest = any(${digests})
    union select image_blob from builds
      where status in ('queued', 'running') and image_blob = any(${digests})`.execute(database);
  return new Set(rows.map(({ digest }) => digest));
}
