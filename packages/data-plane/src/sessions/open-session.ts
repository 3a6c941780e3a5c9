import {
  type CreateSessionBody,
  KartaError,
  type Metadata,
  mergeMetadata,
  metadataProblem,
  newId,
} from '@karta/protocol';
import type { Transaction } from 'kysely';
import type { Project, Release } from '../control/port.ts';
import { tell } from '../outbox/lifecycle.ts';
import type { DataTables, SessionRow } from '../sql/index.ts';
import { digestOf } from './digest.ts';
import type { Engine } from './engine.ts';
import { metadataDigest } from './metadata-digests.ts';
import type { Caller } from './port.ts';
import {
  indexMetadata,
  requireLiving,
  requireSession,
  storeMetadata,
  visibleSessions,
} from './session-store.ts';

export interface Opened {
  row: SessionRow;
  created: boolean;
}

/**
 * Creates a session, resumes the one named, or finds the one that `match` describes. Metadata that
 * comes along is merged into a session that exists. `within` runs in the same transaction.
 */
export async function openSession(
  engine: Engine,
  caller: Caller,
  project: Project,
  body: CreateSessionBody,
  within: (transaction: Transaction<DataTables>, opened: Opened) => Promise<void>,
): Promise<Opened> {
  const metadata = body.metadata ?? {};
  const { session_id: sessionId, match } = body;
  using held = sessionId === undefined ? await engine.pins.hold(engine.control, project) : null;
  return await engine.database.transaction().execute(async (transaction) => {
    let found: SessionRow | undefined;
    if (sessionId !== undefined) {
      found = await requireSession(transaction, caller, sessionId, { lock: true });
      requireLiving(found);
    } else if (match !== undefined) {
      found = await findMatch(transaction, caller, project, routingDigests(match, metadata));
    }
    const opened =
      found === undefined
        ? {
            row: await create(
              engine,
              transaction,
              caller,
              project,
              held?.release ?? null,
              metadata,
            ),
            created: true,
          }
        : { row: await withMetadata(transaction, found, metadata), created: false };
    await within(transaction, opened);
    return opened;
  });
}

/** Merges `change` into a session's metadata, in a transaction that has locked it. */
export async function withMetadata(
  transaction: Transaction<DataTables>,
  row: SessionRow,
  change: Metadata,
): Promise<SessionRow> {
  if (Object.keys(change).length === 0) return row;
  const merged = mergeMetadata(row.metadata, change);
  const problem = metadataProblem(merged);
  if (problem !== null) {
    throw new KartaError('validation_failed', `The metadata ${problem}.`, {
      extra: { errors: [{ pointer: '/metadata', message: problem }] },
    });
  }
  await storeMetadata(transaction, row, merged);
  return { ...row, metadata: merged, updated_at: new Date() };
}

function routingDigests(match: readonly string[], metadata: Metadata): string[] {
  return [...new Set(match)].sort().map((key) => {
    if (Object.hasOwn(metadata, key) && metadata[key] !== null) {
      return metadataDigest(key, metadata[key]);
    }
    throw new KartaError(
      'validation_failed',
      `"match" names "${key}", which is not in "metadata".`,
      {
        extra: { errors: [{ pointer: '/match', message: `${key} is not in metadata` }] },
      },
    );
  });
}

/** The newest living session of the caller in the project with these values. */
async function findMatch(
  transaction: Transaction<DataTables>,
  caller: Caller,
  project: Project,
  digests: readonly string[],
): Promise<SessionRow | undefined> {
  const { orgId, sub } = caller.principal;
  await lockRoute(transaction, digestOf(orgId, project.id, sub ?? '', ...digests));
  let query = visibleSessions(transaction, caller)
    .selectAll('sessions')
    .where('sessions.project_id', '=', project.id)
    .where('sessions.ended_at', 'is', null);
  for (const digest of digests) {
    query = query.where(({ exists, selectFrom }) =>
      exists(
        selectFrom('session_metadata as m')
          .select('m.session_id')
          .whereRef('m.session_id', '=', 'sessions.id')
          .where('m.org_id', '=', orgId)
          .where('m.digest', '=', digest),
      ),
    );
  }
  return query
    .orderBy('sessions.created_at', 'desc')
    .orderBy('sessions.id', 'desc')
    .limit(1)
    .forUpdate()
    .executeTakeFirst();
}

/** Two that route by the same values go one after the other, and the second finds the first's. */
async function lockRoute(transaction: Transaction<DataTables>, digest: string): Promise<void> {
  const used_at = new Date();
  await transaction
    .insertInto('routing_locks')
    .values({ digest, used_at })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet({ used_at }))
    .execute();
}

async function create(
  engine: Engine,
  transaction: Transaction<DataTables>,
  caller: Caller,
  project: Project,
  release: Release | null,
  metadata: Metadata,
): Promise<SessionRow> {
  if (release === null) throw new KartaError('no_active_release');
  const row = await insert(transaction, caller, project, release.id, metadata);
  if (engine.grantOf !== undefined) {
    const { version } = release;
    const happened = { type: 'session.created', sessionId: row.id, data: { version } } as const;
    await tell(happened, engine.grantOf(row.org_id)).execute(transaction);
  }
  return row;
}

async function insert(
  transaction: Transaction<DataTables>,
  caller: Caller,
  project: Project,
  releaseId: string,
  metadata: Metadata,
): Promise<SessionRow> {
  const now = new Date();
  const kept = mergeMetadata({}, metadata);
  const row = await transaction
    .insertInto('sessions')
    .values({
      id: newId('session'),
      org_id: project.orgId,
      project_id: project.id,
      release_id: releaseId,
      status: 'active',
      metadata: JSON.stringify(kept),
      current_agent: 'default',
      created_by: caller.principal.id,
      sub: caller.principal.sub,
      mode: caller.principal.mode,
      created_at: now,
      updated_at: now,
      active_at: now,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await indexMetadata(transaction, row, kept);
  return row;
}
