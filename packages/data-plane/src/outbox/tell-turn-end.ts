import { NO_USAGE, type StopReason, type Usage } from '@karta/protocol';
import { sql } from 'kysely';
import { type Told, tell } from './lifecycle.ts';

/** Ends that nobody asked for. */
const FAILURES: ReadonlySet<StopReason> = new Set<StopReason>([
  'error',
  'timeout',
  'budget_exhausted',
]);

export interface EndedTurn {
  sessionId: string;
  turnId: string;
  stopReason: StopReason;
  usage: { usage: Usage } | null;
  errorCode: string | null;
}

/** Tells of a turn's end, with the statement that records it, if it was open until then. */
export function tellTurnEnd(turn: EndedTurn, orgGrant: string | null): Told {
  const { sessionId, turnId, stopReason, usage, errorCode } = turn;
  const failed = FAILURES.has(stopReason);
  const data = {
    turn_id: turnId,
    stop_reason: stopReason,
    usage: usage?.usage ?? NO_USAGE,
    ...(failed ? { error_code: errorCode } : {}),
  };
  return tell(
    { type: failed ? 'turn.failed' : 'turn.completed', sessionId, about: turnId, data },
    orgGrant,
    sql`exists (select from turns where id = ${turnId} and state <> 'done')`,
  );
}
