import { decodeCursor, encodeCursor } from '@karta/http';
import type { IdKind } from '@karta/protocol';
import { type RawBuilder, type SqlBool, sql } from 'kysely';

/**
 * The rows of a list by `created_at` and `id`, newest first, that follow a cursor; all without one.
 * Throws `KartaError('validation_failed')` for a cursor that the list did not give out.
 */
export function following(kind: IdKind, cursor: string | undefined): RawBuilder<SqlBool> {
  if (cursor === undefined) return sql`true`;
  const { createdAt, id } = decodeCursor(kind, cursor);
  return sql`(created_at, id) < (${createdAt}, ${id})`;
}

/** A page of at most `limit` rows, of one more that were asked for: it tells whether more follow. */
export function pageOf<Row extends { created_at: Date; id: string }>(
  rows: readonly Row[],
  limit: number,
): { page: Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    page,
    nextCursor: last ? encodeCursor({ createdAt: last.created_at, id: last.id }) : null,
  };
}
