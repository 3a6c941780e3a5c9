import { AUDIT_GENESIS, type CreateOrgBody, KartaError, newId, type Role } from '@karta/protocol';
import type { Tx } from '../sql/database.ts';
import type { OrgRow } from './tables.ts';

/** A new row of `orgs` and the start of its audit chain, or `null` when the slug or `id` is taken. */
export async function insertOrg(
  tx: Tx,
  { slug, name }: CreateOrgBody,
  id = newId('org'),
): Promise<OrgRow | null> {
  const row = await tx
    .insertInto('orgs')
    .values({ id, slug, name, created_at: new Date() })
    // Of neither index in particular: two that insert the same row may meet at either.
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) return null;
  await tx
    .insertInto('audit_heads')
    .values({ org_id: id, seq: '0', hash: AUDIT_GENESIS })
    .execute();
  return row;
}

/** The error for a slug that is taken, also by an org that was deleted. */
export function slugTaken(slug: string): KartaError {
  return new KartaError('already_exists', `The slug "${slug}" is taken.`);
}

/** The org, locked against other changes of its members. `KartaError('not_found')`. */
export async function lockOrg(tx: Tx, orgId: string): Promise<OrgRow> {
  const row = await tx
    .selectFrom('orgs')
    .where('id', '=', orgId)
    .where('deleted_at', 'is', null)
    .selectAll()
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (!row) throw new KartaError('not_found');
  return row;
}

/** Makes somebody a member, as `role`; a member already keeps the role there is. Returns which. */
export async function addMember(
  tx: Tx,
  orgId: string,
  personId: string,
  role: Role,
): Promise<{ role: Role }> {
  return tx
    .insertInto('memberships')
    .values({ org_id: orgId, person_id: personId, role, created_at: new Date() })
    .onConflict((conflict) =>
      conflict
        .columns(['org_id', 'person_id'])
        .doUpdateSet((eb) => ({ role: eb.ref('memberships.role') })),
    )
    .returning('role')
    .executeTakeFirstOrThrow();
}
