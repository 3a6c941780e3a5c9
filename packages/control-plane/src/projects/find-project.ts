import { KartaError } from '@karta/protocol';
import type { Database, Tx } from '../sql/database.ts';
import type { ProjectRow } from './tables.ts';

/**
 * The org's project of that ref; locked until the transaction ends when asked for. Throws
 * `KartaError('not_found')`, the same for one that is absent and one of another org.
 */
export async function findProject(
  from: Database | Tx,
  orgId: string,
  ref: string,
  lock?: 'for update',
): Promise<ProjectRow> {
  let query = from
    .selectFrom('projects')
    .selectAll()
    .where('org_id', '=', orgId)
    .where('ref', '=', ref)
    .where('deleted_at', 'is', null);
  if (lock !== undefined) query = query.forUpdate();
  const found = await query.executeTakeFirst();
  if (found === undefined) throw new KartaError('not_found', 'There is no such project.');
  return found;
}
