import type { Database } from '../sql/database.ts';
import type { KmsPort } from './kms.ts';
import { wrapAnew } from './sealed-secret.ts';

const BATCH = 200;

/**
 * Wraps every data key that an older key-encryption key holds by the one of now. Returns how many;
 * once it has, the older one may be thrown away. A key that is replaced meanwhile stays as it is.
 * Throws an `Error` when an older key is no longer there.
 */
export async function rewrapKeys(database: Database, kms: KmsPort): Promise<number> {
  let done = 0;
  for (;;) {
    const rows = await database
      .selectFrom('provider_keys')
      .select(['id', 'org_id', 'provider', 'wrapped_key', 'kek_id'])
      .where('destroyed_at', 'is', null)
      .where('kek_id', '<>', kms.currentId)
      .limit(BATCH)
      .execute();
    for (const { wrapped_key, kek_id, ...owner } of rows) {
      if (wrapped_key === null || kek_id === null) continue;
      const anew = await wrapAnew(kms, owner, { wrapped_key, kek_id });
      const { numUpdatedRows } = await database
        .updateTable('provider_keys')
        .set(anew)
        .where('id', '=', owner.id)
        .where('wrapped_key', '=', wrapped_key)
        .executeTakeFirst();
      done += Number(numUpdatedRows);
    }
    if (rows.length < BATCH) return done;
  }
}
