import { KartaError } from '@karta/protocol';
import { isApiKey, keyDigest, keyPrefix, sameDigest } from '@karta/service/home';
import type { Database } from '../sql/database.ts';
import type { ApiKeyRow } from './tables.ts';

/**
 * The key that a credential is, or `null` for one that is unknown, revoked or of a deleted org.
 * Throws `KartaError('org_suspended')`.
 */
export async function findKey(
  database: Database,
  pepper: Buffer,
  credential: string,
): Promise<ApiKeyRow | null> {
  if (!isApiKey(credential)) return null;
  const digest = keyDigest(credential, pepper);
  const candidates = await database
    .selectFrom('api_keys')
    .innerJoin('orgs', 'orgs.id', 'api_keys.org_id')
    .where('api_keys.prefix', '=', keyPrefix(credential))
    .where('api_keys.revoked_at', 'is', null)
    .where('orgs.deleted_at', 'is', null)
    .selectAll('api_keys')
    .select('orgs.suspended_at')
    .execute();
  const found = candidates.find((key) => sameDigest(key.digest, digest));
  if (found === undefined) return null;
  if (found.suspended_at !== null) throw new KartaError('org_suspended');
  return found;
}
