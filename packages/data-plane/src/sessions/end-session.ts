import { sql } from 'kysely';
import { partOf, tell } from '../outbox/lifecycle.ts';
import type { SessionRow } from '../sql/index.ts';
import type { Engine } from './engine.ts';
import type { LiveSession } from './live-session.ts';
import type { LiveSessions } from './live-sessions.ts';
import { releaseOf } from './release-of.ts';
import { notRun, type TurnQueue } from './turn-queue.ts';

/** Who or what ends a session. */
export type EndedBy = 'deleted' | 'expired' | 'revoked';

/**
 * Ends a session: its turns end as cancelled (or, with a release that was revoked, by that error), its readers end, its sandbox and volume go. One that
 * its owner deletes is as good as absent from the first write on; one that its age ends can still
 * be seen. A crash half-way leaves a volume that the next start destroys.
 */
export async function endSession(
  engine: Engine,
  live: LiveSessions,
  turns: TurnQueue,
  row: SessionRow,
  why: EndedBy,
): Promise<void> {
  const session = await live.open(row);
  const waiting = await session.mutex.run(async () => {
    session.ended = true;
    const now = new Date();
    await tellingEnd(engine, row)
      .updateTable('sessions')
      .set({
        status: 'ended',
        ended_at: now,
        updated_at: now,
        ...(why === 'deleted' ? { deleted_at: now, metadata: '{}' } : {}),
      })
      .where('id', '=', row.id)
      .execute();
    session.current?.stop(why === 'revoked' ? 'revoked' : 'cancelled');
    return session.queue.splice(0);
  });
  await session.idle;
  const unbegun = why === 'revoked' ? notRun('error', 'release_revoked') : notRun('cancelled');
  for (const turnId of waiting) await turns.end(session, turnId, unbegun);
  session.events.close();
  await eraseContent(engine, row.id, why);
  await live.putAway(session);
  // A turn that was stopped while it waited for its sandbox leaves it coming up.
  await session.attachSettled();
  await destroy(engine, session, row);
}

/** The database, for a statement that also tells of the session's end, the first time. */
function tellingEnd(engine: Engine, { id, org_id: orgId }: SessionRow) {
  const { database, grantOf } = engine;
  if (grantOf === undefined) return database;
  const happened = { type: 'session.ended', sessionId: id } as const;
  return database.with('told', () =>
    partOf(tell(happened, grantOf(orgId), sql`s.ended_at is null`)),
  );
}

async function destroy(engine: Engine, session: LiveSession, row: SessionRow): Promise<void> {
  try {
    await engine.runner.destroy(session.runnerSession(await releaseOf(engine, row)));
  } catch (error) {
    // The session has ended all the same, and the next start destroys volumes of ended sessions.
    engine.log.error({ err: error, session: row.id }, 'a volume could not be destroyed');
  }
}

async function eraseContent(engine: Engine, sessionId: string, why: EndedBy): Promise<void> {
  await engine.database.transaction().execute(async (transaction) => {
    await transaction.deleteFrom('inputs').where('session_id', '=', sessionId).execute();
    await transaction.deleteFrom('grants').where('session_id', '=', sessionId).execute();
    if (why !== 'deleted') return;
    await transaction.deleteFrom('participants').where('session_id', '=', sessionId).execute();
    await transaction.deleteFrom('session_metadata').where('session_id', '=', sessionId).execute();
    await transaction
      .updateTable('turns')
      .set({ sender_name: null })
      .where('session_id', '=', sessionId)
      .execute();
  });
}
