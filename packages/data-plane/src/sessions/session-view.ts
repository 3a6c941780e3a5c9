import { isoTime, type PendingInput, type Session } from '@karta/protocol';
import type { SessionRow } from '../sql/index.ts';
import type { Engine } from './engine.ts';
import { pendingInputs } from './input-store.ts';
import type { LiveSessions } from './live-sessions.ts';
import { participantsOf } from './participants.ts';
import type { Caller } from './port.ts';

/** Sessions as every route shows them, in the order of `rows`. */
export async function sessionViews(
  engine: Engine,
  live: LiveSessions,
  caller: Caller,
  rows: readonly SessionRow[],
): Promise<Session[]> {
  const ids = rows.map((row) => row.id);
  const [inputs, participants] = await Promise.all([
    pendingInputs(engine.database, ids),
    participantsOf(engine.database, ids),
  ]);
  return Promise.all(
    rows.map(async (row) => {
      const pending: PendingInput[] = inputs.get(row.id) ?? [];
      const view: Session = {
        id: row.id,
        metadata: row.metadata,
        current_agent: row.current_agent,
        // The turns in memory are ahead of the row by one write.
        status: row.ended_at === null ? (live.get(row.id)?.status ?? row.status) : 'ended',
        created_at: isoTime(row.created_at),
        updated_at: isoTime(row.updated_at),
        parent_id: row.parent_id,
        pending_input: pending[0] ?? null,
        pending_inputs: pending,
        permission_mode: row.permission_mode,
        participants: participants.get(row.id) ?? [],
        isolation: row.isolation,
      };
      if (caller.project === null) return view;
      const release = await engine.control.release(row.org_id, row.release_id);
      const { ref, id } = caller.project;
      return { ...view, project: { ref, project_id: id, version: release?.version ?? 'revoked' } };
    }),
  );
}

/** One session as every route shows it. */
export async function sessionView(
  engine: Engine,
  live: LiveSessions,
  caller: Caller,
  row: SessionRow,
): Promise<Session> {
  const [view] = await sessionViews(engine, live, caller, [row]);
  if (view === undefined) throw new Error('a row without a view');
  return view;
}
