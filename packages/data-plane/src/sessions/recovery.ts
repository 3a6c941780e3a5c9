import { TURN_ERRORS } from '@karta/protocol';
import type { Engine } from './engine.ts';
import type { LiveSessions } from './live-sessions.ts';
import { notRun, type TurnQueue } from './turn-queue.ts';

/**
 * Takes up what an earlier process left: a turn that was running ends visibly, its inputs expire,
 * and turns that waited run in order. Call before anything else uses the sessions.
 */
export async function recoverTurns(
  engine: Engine,
  live: LiveSessions,
  turns: TurnQueue,
): Promise<void> {
  const { database } = engine;
  await database
    .updateTable('sessions')
    .set({ status: 'hibernated' })
    .where('ended_at', 'is', null)
    .where('volume_id', 'is not', null)
    .where('status', 'in', ['active', 'running', 'awaiting_input'])
    .execute();
  const running = await database
    .selectFrom('turns')
    .select(['id', 'session_id'])
    .where('state', '=', 'running')
    .orderBy('session_id')
    .orderBy('position')
    .execute();
  for (const turn of running) {
    await expireInputs(engine, turn.id);
    const session = await open(engine, live, turn.session_id);
    await session.events.publish(turn.id, {
      type: 'error',
      data: {
        code: 'turn_interrupted',
        message: TURN_ERRORS.turn_interrupted,
        retryable: true,
      },
    });
    await turns.end(session, turn.id, notRun('error', 'turn_interrupted'));
  }
  const waiting = await database
    .selectFrom('turns')
    .select('session_id')
    .distinct()
    .where('state', '=', 'queued')
    .execute();
  for (const { session_id } of waiting) await turns.wake(await open(engine, live, session_id));
}

async function open(engine: Engine, live: LiveSessions, sessionId: string) {
  const row = await engine.database
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', sessionId)
    .executeTakeFirstOrThrow();
  return live.open(row);
}

async function expireInputs(engine: Engine, turnId: string): Promise<void> {
  await engine.database
    .updateTable('inputs')
    .set({
      state: 'expired',
      decision: 'deny',
      decided_by: 'platform',
      resolved_at: new Date(),
      message: '',
      tool_input: 'null',
    })
    .where('turn_id', '=', turnId)
    .where('state', '=', 'pending')
    .execute();
}
