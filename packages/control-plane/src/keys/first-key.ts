import {
  type Credentials,
  keyDigest,
  mintApiKey,
  readCredentials,
  writeCredentials,
} from '@karta/service/home';
import type { Database } from '../sql/database.ts';
import { DENIED_KEY_MS, insertKey } from './api-keys.ts';
import { deny } from './denials.ts';

/** The name of the key that `credentials.json` holds. */
const FIRST_KEY = 'local';

export interface FirstKeyParts {
  home: string;
  database: Database;
  pepper: Buffer;
}

/**
 * The key of a home's first org, in `$KARTA_HOME/credentials.json`: made at the first start. A
 * removed file gets a fresh key, and the lost one stops working; a file whose key this database
 * does not know (it is another one than before) has that key made known to it.
 */
export async function ensureFirstKey(
  parts: FirstKeyParts,
  orgId: string,
  urls: { dataUrl?: string; controlUrl?: string } = {},
): Promise<Credentials> {
  const { home, database, pepper } = parts;
  const known = await readCredentials(home);
  const next: Credentials = {
    ...known,
    api_key: known?.api_key ?? mintApiKey(),
    data_url: urls.dataUrl ?? known?.data_url ?? null,
    control_url: urls.controlUrl ?? known?.control_url ?? null,
  };
  // On disk first: a key that is only in the database would be lost with this process.
  if (JSON.stringify(next) !== JSON.stringify(known)) await writeCredentials(home, next);
  const digest = keyDigest(next.api_key, pepper);
  await database.transaction().execute(async (tx) => {
    // One at a time: two first starts at once end with one key.
    await tx.selectFrom('orgs').where('id', '=', orgId).select('id').forUpdate().execute();
    const there = await tx
      .selectFrom('api_keys')
      .where('digest', '=', digest)
      .select('id')
      .executeTakeFirst();
    if (there !== undefined) return;
    const actor = { kind: 'system', id: 'first-start', orgId, label: 'first start' } as const;
    const lost = await tx
      .updateTable('api_keys')
      .set({ revoked_at: new Date() })
      .where('org_id', '=', orgId)
      .where('name', '=', FIRST_KEY)
      .where('created_by', '=', actor.label)
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute();
    for (const { id } of lost) {
      await deny(tx, { kind: 'api_key', id, orgId, forMs: DENIED_KEY_MS });
    }
    const mode = next.api_key.startsWith('kt_test_') ? 'test' : 'live';
    const scopes: ('read' | 'write' | 'admin')[] = ['read', 'write', 'admin'];
    await insertKey(tx, pepper, next.api_key, { name: FIRST_KEY, mode, scopes, orgId }, actor);
  });
  return next;
}
