import { isId, KartaError, type Metadata } from '@karta/protocol';
import type { Transaction } from 'kysely';
import { onlySessionOf } from '../auth/token-rights.ts';
import type { Database, DataTables, SessionRow } from '../sql/index.ts';
import { metadataDigests } from './metadata-digests.ts';
import type { Caller } from './port.ts';

type Reader = Database | Transaction<DataTables>;

/** What tells who may know of a session. It never changes. */
export type SessionOwner = Pick<
  SessionRow,
  'id' | 'org_id' | 'project_id' | 'created_by' | 'sub' | 'mode'
>;

/**
 * What a session must be for a caller to know of it, column by column: of its org and mode (what test
 * credentials made is for test credentials), of its project on
 * the project family, and for a session token of its end user (or made with itself), and the one that
 * it is bound to. The one rule, for what is asked of the database and for what is at hand in memory.
 */
function ownedBy({ principal, project }: Caller): [keyof SessionOwner, string][] {
  const owned: [keyof SessionOwner, string][] = [
    ['org_id', principal.orgId],
    ['mode', principal.mode],
  ];
  if (project !== null) owned.push(['project_id', project.id]);
  if (principal.kind === 'session_token') {
    owned.push(principal.sub === null ? ['created_by', principal.id] : ['sub', principal.sub]);
  }
  const only = onlySessionOf(principal);
  if (only !== null) owned.push(['id', only]);
  return owned;
}

/**
 * The sessions a caller may know of. Everything that reads a session reads it from here, so that what
 * is foreign and what is absent cannot be told apart; only one that is live and the caller's own
 * ({@link mayKnow}) need not be asked for.
 */
export function visibleSessions(database: Reader, caller: Caller) {
  let query = database.selectFrom('sessions').where('sessions.deleted_at', 'is', null);
  for (const [column, value] of ownedBy(caller)) {
    query = query.where(`sessions.${column}`, '=', value);
  }
  return query;
}

/** Whether a session in memory that has not ended is among {@link visibleSessions}. */
export function mayKnow(caller: Caller, session: SessionOwner): boolean {
  return ownedBy(caller).every(([column, value]) => session[column] === value);
}

/** Throws `KartaError('not_found')`. */
export async function requireSession(
  database: Reader,
  caller: Caller,
  sessionId: string,
  options: { lock?: boolean } = {},
): Promise<SessionRow> {
  // What has not the form of an id is asked for neither: it may hold what PostgreSQL refuses.
  if (!isId('session', sessionId)) throw notFound();
  let query = visibleSessions(database, caller).selectAll().where('sessions.id', '=', sessionId);
  if (options.lock) query = query.forUpdate();
  const row = await query.executeTakeFirst();
  if (row === undefined) throw notFound();
  return row;
}

function notFound(): KartaError {
  return new KartaError('not_found', 'There is no such session.');
}

/** Throws `KartaError('session_ended')` for a session that its age has ended. */
export function requireLiving(row: SessionRow): void {
  if (row.ended_at !== null) throw new KartaError('session_ended');
}

/** Replaces a session's metadata and what it is found by. Call within a transaction. */
export async function storeMetadata(
  transaction: Transaction<DataTables>,
  row: Pick<SessionRow, 'id' | 'org_id'>,
  metadata: Metadata,
): Promise<void> {
  await transaction
    .updateTable('sessions')
    .set({ metadata: JSON.stringify(metadata), updated_at: new Date() })
    .where('id', '=', row.id)
    .execute();
  await transaction.deleteFrom('session_metadata').where('session_id', '=', row.id).execute();
  await indexMetadata(transaction, row, metadata);
}

export async function indexMetadata(
  transaction: Transaction<DataTables>,
  row: Pick<SessionRow, 'id' | 'org_id'>,
  metadata: Metadata,
): Promise<void> {
  const digests = metadataDigests(metadata);
  if (digests.length === 0) return;
  await transaction
    .insertInto('session_metadata')
    .values(digests.map((digest) => ({ org_id: row.org_id, digest, session_id: row.id })))
    .execute();
}
