import type { Decision, InputKind, PendingInput, SessionStatus } from '@karta/protocol';
import { isoTime } from '@karta/protocol';
import { partOf, type Told } from '../outbox/lifecycle.ts';
import type { Database, InputRow } from '../sql/index.ts';

export interface NewInput {
  id: string;
  sessionId: string;
  turnId: string;
  kind: InputKind;
  tool: string;
  message: string;
  toolInput: unknown;
  inputDigest: string;
  rule: string | null;
  options: readonly string[];
  createdAt: Date;
  expiresAt: Date;
}

/** Stores an input that waits; the session then awaits it. `told` is written along. */
export async function insertInput(
  database: Database,
  input: NewInput,
  told: Told | null = null,
): Promise<void> {
  await (told === null ? database : database.with('told', () => partOf(told)))
    .with('waiting', (db) =>
      db.insertInto('inputs').values({
        id: input.id,
        session_id: input.sessionId,
        turn_id: input.turnId,
        kind: input.kind,
        tool: input.tool,
        message: input.message,
        tool_input: JSON.stringify(input.toolInput) ?? 'null',
        input_digest: input.inputDigest,
        rule: input.rule,
        options: JSON.stringify(input.options),
        state: 'pending',
        created_at: input.createdAt,
        expires_at: input.expiresAt,
      }),
    )
    .updateTable('sessions')
    .set({ status: 'awaiting_input', updated_at: input.createdAt })
    .where('id', '=', input.sessionId)
    .where('ended_at', 'is', null)
    .execute();
}

/**
 * Records how an input was settled and erases what it asked. Says `false` when it was settled
 * before: of two answers one wins.
 */
export async function settleInput(
  database: Database,
  input: { id: string; sessionId: string },
  outcome: { state: 'resolved' | 'expired' | 'dropped'; decision: Decision; by: string },
  status: SessionStatus,
): Promise<boolean> {
  const now = new Date();
  const result = await database
    .with('session_now', (db) =>
      db
        .updateTable('sessions')
        .set({ status, updated_at: now })
        .where('id', '=', input.sessionId)
        .where('ended_at', 'is', null),
    )
    .updateTable('inputs')
    .set({
      state: outcome.state,
      decision: outcome.decision,
      decided_by: outcome.by,
      resolved_at: now,
      message: '',
      tool_input: 'null',
    })
    .where('id', '=', input.id)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

export function findInput(
  database: Database,
  sessionId: string,
  requestId: string,
): Promise<Pick<InputRow, 'id' | 'turn_id' | 'state'> | undefined> {
  return database
    .selectFrom('inputs')
    .select(['id', 'turn_id', 'state'])
    .where('session_id', '=', sessionId)
    .where('id', '=', requestId)
    .executeTakeFirst();
}

/** The inputs that wait in these sessions, oldest first. */
export async function pendingInputs(
  database: Database,
  sessionIds: readonly string[],
): Promise<Map<string, PendingInput[]>> {
  const found = new Map<string, PendingInput[]>();
  if (sessionIds.length === 0) return found;
  const rows = await database
    .selectFrom('inputs')
    .selectAll()
    .where('session_id', 'in', [...sessionIds])
    .where('state', '=', 'pending')
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  for (const row of rows) {
    const list = found.get(row.session_id) ?? [];
    list.push(pendingInputOf(row));
    found.set(row.session_id, list);
  }
  return found;
}

function pendingInputOf(row: InputRow): PendingInput {
  return {
    request_id: row.id,
    turn_id: row.turn_id,
    kind: row.kind,
    tool: row.tool,
    message: row.message,
    tool_input: JSON.parse(row.tool_input),
    options: JSON.parse(row.options),
    created_at: isoTime(row.created_at),
    expires_at: isoTime(row.expires_at),
  };
}
