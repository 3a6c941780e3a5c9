import { decodeCursor, encodeCursor } from '@karta/http';
import type { IdKind } from '@karta/protocol';
import { type SelectQueryBuilder, sql } from 'kysely';

/** Which part of a list is asked for: at most `limit` rows, those after `cursor`. */
export interface PageAsked {
  limit: number;
  cursor?: string | undefined;
}

/**
 * A page of the rows that `query` selects, by `created_at` and `id`, newest first. Throws
 * `KartaError('validation_failed')` for a cursor that the list did not give out.
 */
export async function newestFirst<DB, TB extends keyof DB, Row>(
  query: SelectQueryBuilder<DB, TB, Row & { created_at: Date; id: string }>,
  kind: IdKind,
  { limit, cursor }: PageAsked,
): Promise<{ page: (Row & { created_at: Date; id: string })[]; nextCursor: string | null }> {
  let asked = query;
  if (cursor !== undefined) {
    const { createdAt, id } = decodeCursor(kind, cursor);
    asked = asked.where(sql<boolean>`(created_at, id) < (${createdAt}, ${id})`);
  }
  // One more than was asked for tells whether more follow.
  const rows = await asked
    .orderBy(sql`created_at`, 'desc')
    .orderBy(sql`id`, 'desc')
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    page,
    nextCursor: last ? encodeCursor({ createdAt: last.created_at, id: last.id }) : null,
  };
}
