import {
  emptyFold,
  type FoldedTurn,
  foldEvent,
  KartaError,
  type MessageAnswer,
  type TurnErrorCode,
} from '@karta/protocol';
import type { AcceptedTurn, Caller, EventFeed, SessionService } from '../sessions/port.ts';

/** Turn errors that a unary call answers with their own status when the turn gave nothing else. */
const ANSWERED_AS_PROBLEM = [
  'capacity',
  'harness_missing',
  'harness_failed',
  'storage_full',
  'byok_key_rejected',
  'control_unavailable',
] as const;
/** Seconds after which a turn that failed for a passing reason may be sent again. */
const RETRY_AFTER_S = 5;
type ProblemCode = (typeof ANSWERED_AS_PROBLEM)[number];

/**
 * The events of one turn, folded up to its `done` or its first pause: what a call that does not
 * stream is answered. Throws `KartaError` when the turn failed before it gave anything, because
 * the platform could not run it.
 */
export async function turnAnswer(
  sessions: SessionService,
  caller: Caller,
  sessionId: string,
  turn: AcceptedTurn,
  signal: AbortSignal,
): Promise<MessageAnswer> {
  const events = await sessions.events(caller, sessionId, {
    after: turn.afterSeq,
    until: { turnId: turn.turnId, at: 'pause' },
    signal,
    raw: false,
  });
  const fold = emptyFold();
  for await (const event of ofTurn(events, turn.turnId)) foldEvent(fold, event);
  const failure = platformFailure(fold);
  if (failure) throw failure;
  const asked = fold.stop_reason === null ? fold.pending[0] : undefined;
  if (fold.stop_reason === null && asked === undefined) {
    if (signal.aborted) throw new KartaError('invalid_request', 'The client has gone.');
    throw new KartaError('shutting_down', 'The turn goes on; follow it with GET …/events.', {
      extra: { turn_id: turn.turnId, after: fold.last_seq },
    });
  }
  const pending = asked
    ? (await sessions.get(caller, sessionId)).pending_inputs.find(
        (input) => input.request_id === asked.request_id,
      )
    : undefined;
  return {
    text: fold.text,
    session_id: sessionId,
    agent: turn.agent,
    turn_id: turn.turnId,
    stop_reason: fold.stop_reason ?? 'input_required',
    messages: fold.messages,
    usage: fold.usage,
    pending_input: pending ?? null,
    ...(fold.errors.length > 0 ? { errors: fold.errors } : {}),
  };
}

/** Only the events of that turn: while it waits in the queue, another one's pass by. */
export function ofTurn(events: EventFeed, turnId: string): EventFeed {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const event of events) if (event.turn_id === turnId) yield event;
    },
    ready() {
      for (;;) {
        const event = events.ready?.();
        if (event === undefined || event.turn_id === turnId) return event;
      }
    },
  };
}

function platformFailure(fold: FoldedTurn): KartaError | null {
  const last = fold.errors.at(-1);
  if (fold.stop_reason !== 'error' || last === undefined || fold.messages.length > 0) return null;
  if (!isProblemCode(last.code)) return null;
  const { code, message, provider } = last;
  return new KartaError(code, message, {
    // Under its own names, as whoever sent the key knows it.
    extra: { turn_id: fold.turn_id, ...(provider === undefined ? {} : { provider, message }) },
    ...(last.retryable ? { retryAfter: RETRY_AFTER_S } : {}),
  });
}

function isProblemCode(code: string): code is ProblemCode & TurnErrorCode {
  return (ANSWERED_AS_PROBLEM as readonly string[]).includes(code);
}
