import { decodeCursor, encodeCursor } from '@karta/http';
import type { SessionRow } from '../sql/index.ts';
import type { Engine } from './engine.ts';
import { filterDigests } from './metadata-digests.ts';
import type { Caller, ListQuery } from './port.ts';
import { visibleSessions } from './session-store.ts';

/** One page of the caller's sessions, newest first. Throws `KartaError` for a bad cursor. */
export async function listSessions(
  engine: Engine,
  caller: Caller,
  query: ListQuery,
): Promise<{ rows: SessionRow[]; nextCursor: string | null }> {
  let select = visibleSessions(engine.database, caller)
    .selectAll('sessions')
    .orderBy('sessions.created_at', 'desc')
    .orderBy('sessions.id', 'desc')
    // One more than asked for tells whether there is another page.
    .limit(query.limit + 1);
  if (query.status !== undefined) select = select.where('sessions.status', '=', query.status);
  for (const [key, text] of Object.entries(query.metadata)) {
    const digests = filterDigests(key, text);
    select = select.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('session_metadata as m')
          .select('m.session_id')
          .whereRef('m.session_id', '=', 'sessions.id')
          .where('m.org_id', '=', caller.principal.orgId)
          .where('m.digest', 'in', digests),
      ),
    );
  }
  if (query.cursor !== undefined) {
    const after = decodeCursor('session', query.cursor);
    select = select.where(({ eb, refTuple, tuple }) =>
      eb(refTuple('sessions.created_at', 'sessions.id'), '<', tuple(after.createdAt, after.id)),
    );
  }
  const rows = await select.execute();
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  const more = rows.length > query.limit && last !== undefined;
  return {
    rows: page,
    nextCursor: more ? encodeCursor({ createdAt: last.created_at, id: last.id }) : null,
  };
}
