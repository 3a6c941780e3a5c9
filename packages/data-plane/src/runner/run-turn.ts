import type { HarnessEvent, TurnInput } from '@karta/harness';
import { NO_USAGE, type TurnUsageAnswer } from '@karta/protocol';
import type { Booted } from './booted.ts';
import type { RunnerLog } from './config.ts';
import { type DoorsClient, DoorsError } from './doors/doors-client.ts';
import type { BookedTurn, RunnerEvent } from './port.ts';
import { Refusable } from './refusable.ts';

export interface TurnParts {
  /** The machine's channel is gone: the machine is of no more use. */
  lost(): void;
  doors: Pick<DoorsClient, 'openTurn' | 'closeTurn'>;
  log: RunnerLog;
}

/**
 * Runs one turn on a booted machine: books it at the doors, yields its events, closes the booking
 * and puts the usage on `end`. The booking leaves right after the prompt: the doors let a call that
 * is faster than its turn wait for it. Nothing is told before the booking stands. A turn that failed since the doors refused its model calls
 * ends with their reason, not with what the harness made of it.
 */
export async function* runTurn(
  { doors, log, lost }: TurnParts,
  { id, machine }: Booted,
  turn: BookedTurn,
  input: TurnInput,
  signal: AbortSignal,
): AsyncGenerator<readonly RunnerEvent[], void, undefined> {
  const { id: turnId, orgGrant, payer } = turn;
  const stop = new AbortController();
  const giveUp = () => stop.abort();
  if (signal.aborted) giveUp();
  let booked: boolean | null = null;
  // One step later than the prompt, which is what somebody waits for.
  const booking = Promise.resolve()
    .then(() => {
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
      return doors.openTurn(id, { turn_id: turnId, org_grant: orgGrant, payer });
    })
    .then(
      () => {
        booked = true;
      },
      (error: unknown) => {
        booked = false;
        log.error({ err: error, turn: turnId }, 'a turn could not be booked at the doors');
        giveUp();
      },
    );
  let end: Extract<HarnessEvent, { type: 'end' }> | null = null;
  let usage: TurnUsageAnswer;
  const events = new Refusable();
  try {
    for await (const batch of machine.turn(input, stop.signal)) {
      if (booked === null) await booking;
      if (!booked) continue;
      for (const event of batch) if (event.type === 'end') end = event;
      const told = events.take(batch);
      if (told.length > 0) yield told;
    }
  } finally {
    await booking;
    signal.removeEventListener('abort', giveUp);
    // Also when the listener has gone before the end: then the booking is over with the turn.
    const told = booked ? await usageOf({ doors, log }, id, turnId) : null;
    usage = told ?? noUsage(turnId);
    if (told === null) lost();
  }
  const { resumeId } = machine;
  if (!booked) {
    yield [
      { type: 'error', code: 'internal', message: UNBOOKED, retryable: true },
      { type: 'end', stopReason: 'error', usage, resumeId },
    ];
    return;
  }
  const ending = events.end(end ?? { type: 'end', stopReason: 'error' }, usage.refusal);
  yield [...ending.told, ...usage.fallbacks.map(stoodIn), { ...ending.end, usage, resumeId }];
}

/** Who really answered is told with the turn, as its usage and its price are by that model. */
function stoodIn(fallback: TurnUsageAnswer['fallbacks'][number]): RunnerEvent {
  const { provider, model, instead_of: asked, calls } = fallback;
  const times = calls === 1 ? 'a model call' : `${calls} model calls`;
  const message = `${provider}/${model} answered ${times} in place of ${asked.provider}/${asked.model}, which could not.`;
  return { type: 'system', kind: 'model_fallback', message, detail: fallback };
}

const UNBOOKED = 'The model proxy does not know this session any more. Send the message again.';

/** The turn's usage; `null` when nobody knows of it: its channel is gone. */
async function usageOf(
  { doors, log }: Omit<TurnParts, 'lost'>,
  channelId: string,
  turnId: string,
): Promise<TurnUsageAnswer | null> {
  try {
    return await doors.closeTurn(channelId, turnId);
  } catch (error) {
    const status = error instanceof DoorsError ? error.status : null;
    log.error({ err: error, turn: turnId, status }, 'the usage of a turn is not known');
    return null;
  }
}

function noUsage(turnId: string): TurnUsageAnswer {
  return {
    turn_id: turnId,
    usage: NO_USAGE,
    calls: 0,
    estimated_calls: 0,
    cost: null,
    fallbacks: [],
    refusal: null,
  };
}
