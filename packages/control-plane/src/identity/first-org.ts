import { isId } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { Database } from '../sql/database.ts';
import { insertOrg } from './org-rows.ts';

/** What the org of a local start is called. */
export const FIRST_ORG = { slug: 'local', name: 'local' } as const;

/**
 * The org of a local start, made when there is none of its slug. `id` is that of a home from before
 * the control plane, whose sessions belong to it. Several at once end with one org.
 */
export async function ensureFirstOrg(
  database: Database,
  id?: string,
): Promise<{ orgId: string; created: boolean }> {
  const known = await database
    .selectFrom('orgs')
    .where('slug', '=', FIRST_ORG.slug)
    .select('id')
    .executeTakeFirst();
  if (known) return { orgId: known.id, created: false };
  const wanted = id !== undefined && isId('org', id) ? id : undefined;
  return database.transaction().execute(async (tx) => {
    const made = await insertOrg(tx, FIRST_ORG, wanted);
    if (made === null) {
      const other = await tx
        .selectFrom('orgs')
        .where('slug', '=', FIRST_ORG.slug)
        .select('id')
        .executeTakeFirstOrThrow();
      return { orgId: other.id, created: false };
    }
    await recordAudit(tx, {
      actor: { kind: 'system', id: 'system', orgId: made.id, label: 'karta' },
      action: 'org.create',
      target: { kind: 'org', id: made.id },
      details: FIRST_ORG,
    });
    return { orgId: made.id, created: true };
  });
}
