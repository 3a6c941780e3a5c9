import type { OrgSpendRules } from '@karta/protocol';
import type { Database, Tx } from '../sql/database.ts';

/** Which keys of its own an org's calls are made with, the oldest first, and what when one is refused. */
export async function ownKeyRules(
  from: Database | Tx,
  orgId: string,
): Promise<Pick<OrgSpendRules, 'own_keys' | 'platform_fallback'>> {
  const [keys, settings] = await Promise.all([
    from
      .selectFrom('provider_keys')
      .select('provider')
      .where('org_id', '=', orgId)
      .where('destroyed_at', 'is', null)
      .orderBy('created_at')
      .orderBy('id')
      .execute(),
    from
      .selectFrom('provider_key_settings')
      .select('platform_fallback')
      .where('org_id', '=', orgId)
      .executeTakeFirst(),
  ]);
  return {
    own_keys: keys.map(({ provider }) => provider),
    platform_fallback: settings?.platform_fallback ?? false,
  };
}
