import { type Decision, KartaError } from '@karta/protocol';
import type { Engine } from './engine.ts';
import { findInput } from './input-store.ts';
import type { LiveSession } from './live-session.ts';
import type { AcceptedTurn, Caller } from './port.ts';

/**
 * Answers a pending input. Throws `KartaError`: `not_found`, `input_already_resolved`,
 * `input_expired`.
 */
export async function resolveInput(
  engine: Engine,
  session: LiveSession,
  caller: Caller,
  requestId: string,
  answer: { decision: Decision; message?: string | undefined },
): Promise<Omit<AcceptedTurn, 'agent'>> {
  const input = await findInput(engine.database, session.id, requestId);
  if (input === undefined) throw new KartaError('not_found', 'There is no such input.');
  if (input.state !== 'pending') throw tooLate(input.state);
  const run = session.current;
  const afterSeq = session.events.lastSeq;
  const by = caller.principal.sub ?? caller.principal.id;
  const settled =
    run?.id === input.turn_id && (await run.inputs?.resolve(input.id, answer, by)) === true;
  if (settled) return { turnId: input.turn_id, afterSeq };
  const now = await findInput(engine.database, session.id, requestId);
  throw tooLate(now?.state ?? 'resolved');
}

/** An input that was never answered is gone, one that was answered stays so. */
function tooLate(state: string): KartaError {
  if (state === 'dropped') {
    return new KartaError('input_expired', 'The turn went on or ended without an answer to it.');
  }
  return new KartaError(state === 'expired' ? 'input_expired' : 'input_already_resolved');
}
