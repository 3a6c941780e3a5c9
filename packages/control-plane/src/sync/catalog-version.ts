import { sql } from 'kysely';
import type { Database, Tx } from '../sql/database.ts';

/**
 * Numbers a change that nodes must hear of; what changed carries the number as its `revision`. The
 * row stays locked until the transaction ends, so numbers become visible in their order: take it
 * late, and before the audit row.
 */
export async function nextRevision(tx: Tx): Promise<number> {
  const { rows } = await sql<{ version: string }>`
    update catalog_version set version = version + 1 where id = 1 returning version`.execute(tx);
  const [row] = rows;
  if (row === undefined) throw new Error('the catalog has no version');
  return Number(row.version);
}

/** The number of the newest change. */
export async function catalogVersion(database: Database): Promise<number> {
  const row = await database
    .selectFrom('catalog_version')
    .select('version')
    .executeTakeFirstOrThrow();
  return Number(row.version);
}
