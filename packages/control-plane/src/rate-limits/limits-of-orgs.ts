import type { OrgRateLimits } from '@karta/protocol';
import type { Tx } from '../sql/database.ts';
import { figuresOf } from './rate-limit-rows.ts';

/**
 * All limits of each org whose limits have changed after number `since`, an org without any among
 * them; of each that has any when it is `null`.
 */
export async function rateLimitsSince(tx: Tx, since: number | null): Promise<OrgRateLimits[]> {
  let query = tx.selectFrom('rate_limits').selectAll().orderBy('id');
  let changed: (string | null)[] = [];
  if (since !== null) {
    const rows = await tx
      .selectFrom('rate_limit_changes')
      .select('org_id')
      .where('revision', '>', String(since))
      .execute();
    if (rows.length === 0) return [];
    changed = rows.map(({ org_id }) => (org_id === '' ? null : org_id));
    query = query.where((eb) =>
      eb.or(
        changed.map((org) => (org === null ? eb('org_id', 'is', null) : eb('org_id', '=', org))),
      ),
    );
  }
  const byOrg = Map.groupBy(await query.execute(), ({ org_id }) => org_id);
  const orgs = since === null ? [...byOrg.keys()] : changed;
  return orgs.map((org_id) => ({
    org_id,
    limits: (byOrg.get(org_id) ?? []).map((row) => {
      const { id, set_by, scope, scope_id } = row;
      return { id, set_by, scope, scope_id, ...figuresOf(row) };
    }),
  }));
}
