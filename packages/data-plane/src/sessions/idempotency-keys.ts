import type { Transaction } from 'kysely';
import type { Database, DataTables } from '../sql/index.ts';

/** Whose key, for what: the same key of another principal or route is another key. */
export interface KeyScope {
  orgId: string;
  principalId: string;
  route: string;
  key: string;
}

/** Says what came of a key's first request, in the transaction that makes it. */
export async function completeKey(
  transaction: Transaction<DataTables>,
  scope: KeyScope,
  objectId: string,
  status: number,
): Promise<void> {
  await transaction
    .updateTable('idempotency_keys')
    .set({ object_id: objectId, status })
    .where('org_id', '=', scope.orgId)
    .where('principal_id', '=', scope.principalId)
    .where('route', '=', scope.route)
    .where('key', '=', scope.key)
    .execute();
}

/**
 * At a start: requests that were at work have died with the process before, and made nothing, else
 * their keys would be complete.
 */
export async function forgetPendingKeys(database: Database): Promise<void> {
  await database.deleteFrom('idempotency_keys').where('object_id', 'is', null).execute();
}
