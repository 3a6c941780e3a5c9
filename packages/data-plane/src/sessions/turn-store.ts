import type { SessionStatus, TurnPayer } from '@karta/protocol';
import { partOf, type Told } from '../outbox/lifecycle.ts';
import type { Database, StoredAttachment, TurnRow } from '../sql/index.ts';
import type { TurnUsage } from './port.ts';

export interface NewTurn {
  id: string;
  sessionId: string;
  orgId: string;
  position: number;
  state: 'queued' | 'running';
  text: string;
  textDigest: string;
  senderName: string | null;
  senderType: 'human' | 'ai';
  /** The credential that sent it. */
  principalId: string;
  payer: TurnPayer;
  agent: string;
  thinking: boolean;
  attachments: readonly StoredAttachment[];
  afterSeq: number;
  /** Completes an idempotency key in the same statement. */
  remember: RememberedTurn | null;
}

export interface RememberedTurn {
  principalId: string;
  route: string;
  key: string;
  status: number;
  objectId: string;
}

/** Stores an accepted turn and the session's new state: one statement, one write to disk. */
export async function insertTurn(
  database: Database,
  turn: NewTurn,
  status: SessionStatus,
): Promise<void> {
  const now = new Date();
  const { remember } = turn;
  let statement = database.with('accepted', (db) =>
    db.insertInto('turns').values({
      id: turn.id,
      session_id: turn.sessionId,
      org_id: turn.orgId,
      position: turn.position,
      state: turn.state,
      text: turn.text,
      text_digest: turn.textDigest,
      sender_name: turn.senderName,
      sender_type: turn.senderType,
      principal_id: turn.principalId,
      ...turn.payer,
      agent: turn.agent,
      thinking: turn.thinking,
      attachments: turn.attachments.length === 0 ? null : JSON.stringify(turn.attachments),
      after_seq: turn.afterSeq,
      accepted_at: now,
      started_at: turn.state === 'running' ? now : null,
    }),
  );
  if (remember !== null) {
    statement = statement.with('remembered', (db) =>
      db
        .updateTable('idempotency_keys')
        .set({ status: remember.status, object_id: remember.objectId })
        .where('org_id', '=', turn.orgId)
        .where('principal_id', '=', remember.principalId)
        .where('route', '=', remember.route)
        .where('key', '=', remember.key),
    ) as unknown as typeof statement;
  }
  await statement
    .updateTable('sessions')
    .set({ status, active_at: now, updated_at: now })
    .where('id', '=', turn.sessionId)
    .execute();
}

/** The turns of a session that are accepted and not done, in order. */
export function unfinishedTurns(
  database: Database,
  sessionId: string,
): Promise<Pick<TurnRow, 'id' | 'position' | 'state'>[]> {
  return database
    .selectFrom('turns')
    .select(['id', 'position', 'state'])
    .where('session_id', '=', sessionId)
    .where('state', '<>', 'done')
    .orderBy('position')
    .execute();
}

export async function lastPosition(database: Database, sessionId: string): Promise<number> {
  const row = await database
    .selectFrom('turns')
    .select('position')
    .where('session_id', '=', sessionId)
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst();
  return Number(row?.position ?? 0);
}

/** Marks a queued turn as running and returns what it needs to run. */
export async function startTurn(
  database: Database,
  turnId: string,
  afterSeq: number,
): Promise<TurnRow | undefined> {
  return database
    .updateTable('turns')
    .set({ state: 'running', after_seq: afterSeq, started_at: new Date() })
    .where('id', '=', turnId)
    .where('state', '=', 'queued')
    .returningAll()
    .executeTakeFirst();
}

export interface TurnEnd {
  turnId: string;
  sessionId: string;
  stopReason: string;
  usage: TurnUsage | null;
  /** `null` leaves the stored one. */
  resumeId: string | null;
  status: SessionStatus;
  /** Written along, to tell the control plane; it must look itself whether the turn was open. */
  told: Told | null;
}

/**
 * Records the end of a turn before anybody is told of it, erases its text and what its open inputs
 * asked, all in one statement. Says whether the turn was still open.
 */
export async function finishTurn(database: Database, end: TurnEnd): Promise<boolean> {
  const now = new Date();
  const { usage, told } = end;
  const result = await (told === null ? database : database.with('told', () => partOf(told)))
    .with('inputs_dropped', (db) =>
      db
        .updateTable('inputs')
        .set({
          state: 'dropped',
          decision: 'deny',
          decided_by: 'harness',
          resolved_at: now,
          message: '',
          tool_input: 'null',
        })
        .where('turn_id', '=', end.turnId)
        .where('state', '=', 'pending'),
    )
    .with('session_now', (db) =>
      db
        .updateTable('sessions')
        .set({
          status: end.status,
          active_at: now,
          updated_at: now,
          ...(end.resumeId === null ? {} : { resume_id: end.resumeId }),
        })
        .where('id', '=', end.sessionId)
        .where('ended_at', 'is', null),
    )
    .updateTable('turns')
    .set({
      state: 'done',
      text: null,
      attachments: null,
      stop_reason: end.stopReason,
      input_tokens: usage?.usage.input_tokens ?? null,
      cache_read_tokens: usage?.usage.cache_read_tokens ?? null,
      cache_write_tokens: usage?.usage.cache_write_tokens ?? null,
      output_tokens: usage?.usage.output_tokens ?? null,
      model_calls: usage?.calls ?? null,
      estimated_calls: usage?.estimated_calls ?? null,
      ended_at: now,
    })
    .where('id', '=', end.turnId)
    .where('state', '<>', 'done')
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}
