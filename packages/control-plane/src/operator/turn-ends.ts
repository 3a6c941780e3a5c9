import type { LifecycleEvent } from '@karta/protocol';
import type { Database, Tx } from '../sql/database.ts';
import type { TurnEndTable } from './tables.ts';

/** How long they are kept, in ms: a little longer than the view of abuse looks back. */
const KEPT_MS = 35 * 24 * 60 * 60 * 1000;

/** Errors of turns that tell of a sandbox which did what none may. */
const VIOLATIONS = new Set(['harness_protocol', 'approval_bypassed']);

/** Books how turns ended, each once. Other events are passed over. */
export async function bookTurnEnds(tx: Tx, events: readonly LifecycleEvent[]): Promise<void> {
  const ends = events.flatMap(({ type, org_id, data, at }) => {
    if (type !== 'turn.completed' && type !== 'turn.failed') return [];
    const outcome = type === 'turn.completed' ? 'completed' : outcomeOf(data.error_code);
    return [{ org_id, turn_id: String(data.turn_id), at: new Date(at), outcome }];
  });
  if (ends.length === 0) return;
  await tx
    .insertInto('turn_ends')
    .values(ends)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

function outcomeOf(errorCode: unknown): TurnEndTable['outcome'] {
  return VIOLATIONS.has(String(errorCode)) ? 'violation' : 'failed';
}

/** Drops what nobody looks at any more. */
export async function sweepTurnEnds(database: Database): Promise<void> {
  await database
    .deleteFrom('turn_ends')
    .where('at', '<', new Date(Date.now() - KEPT_MS))
    .execute();
}
