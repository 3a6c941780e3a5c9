import { hostLabel, KartaError, longestRef } from '@karta/protocol';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';

/**
 * Holds a new project's ref against its host: `{ref}-{org}` must be one label of a name, and no
 * other org's project may have the same (`a-b` of `c`, `a` of `b-c`). Projects are added one after
 * the other, so the caller has numbered its change before. Throws `KartaError('validation_failed')`.
 */
export async function requireOwnHost(tx: Tx, orgId: string, ref: string): Promise<void> {
  const { slug } = await tx
    .selectFrom('orgs')
    .select('slug')
    .where('id', '=', orgId)
    .executeTakeFirstOrThrow();
  const most = longestRef(slug);
  if (ref.length > most) {
    throw unfit(`must have at most ${most} characters, since its host also bears "${slug}"`);
  }
  const label = hostLabel(ref, slug);
  const others = splitsOf(label).filter((other) => other.slug !== slug);
  if (others.length === 0) return;
  const { rows } = await sql`
    select 1 from projects project join orgs org on org.id = project.org_id
    join unnest(${others.map((other) => other.slug)}::text[],
      ${others.map((other) => other.ref)}::text[]) as other (slug, ref)
      on other.slug = org.slug and other.ref = project.ref
    where project.deleted_at is null limit 1`.execute(tx);
  if (rows.length > 0)
    throw unfit(`would have the host "${label}", which is taken: choose another`);
}

/** Every ref and slug that make this label. */
function splitsOf(label: string): { ref: string; slug: string }[] {
  return [...label.matchAll(/-/g)].map(({ index }) => ({
    ref: label.slice(0, index),
    slug: label.slice(index + 1),
  }));
}

function unfit(message: string): KartaError {
  return new KartaError('validation_failed', `The project's ref ${message}.`, {
    extra: { errors: [{ pointer: '/ref', message }] },
  });
}
