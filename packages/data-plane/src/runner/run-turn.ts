import type { HarnessEvent, TurnInput } from '@karta/harness';
import { NO_USAGE, type TurnUsageAnswer } from '@karta/protocol';
import type { Booted } from './booted.ts';
import type { RunnerLog } from './config.ts';
import { type DoorsClient, DoorsError } from './doors/doors-client.ts';
import type { RunnerEvent } from './port.ts';

type ToldEvent = Exclude<RunnerEvent, { type: 'end' }>;

export interface TurnParts {
  /** The machine's channel is gone: the machine is of no more use. */
  lost(): void;
  doors: Pick<DoorsClient, 'openTurn' | 'closeTurn'>;
  log: RunnerLog;
}

/**
 * Runs one turn on a booted machine: books it at the doors, yields its events, closes the booking
 * and puts the usage on `end`. The booking and the prompt leave together: the doors read the booking
 * before a harness, which has yet to build its request, can call.
 */
export async function* runTurn(
  { doors, log, lost }: TurnParts,
  { id, machine }: Booted,
  turnId: string,
  input: TurnInput,
  signal: AbortSignal,
): AsyncGenerator<readonly RunnerEvent[], void, undefined> {
  const giveUp = new AbortController();
  let unbooked: unknown = null;
  const booked = doors.openTurn(id, turnId).catch((error: unknown) => {
    // Without a booking every model call is refused: the turn need not wait to find out.
    unbooked = error;
    giveUp.abort();
  });
  const turn = machine.turn(input, AbortSignal.any([signal, giveUp.signal]));
  let end: Extract<HarnessEvent, { type: 'end' }> | null = null;
  let usage: TurnUsageAnswer;
  try {
    for await (const events of turn) {
      const told: ToldEvent[] = [];
      for (const event of events) {
        if (event.type === 'end') end = event;
        else told.push(event);
      }
      if (told.length > 0 && unbooked === null) yield told;
    }
  } finally {
    // Also when the listener has gone before the end: then the booking is over with the turn.
    await booked;
    usage = await usageOf({ doors, log }, id, turnId);
  }
  const { resumeId } = machine;
  if (unbooked !== null) {
    log.error({ err: unbooked, turn: turnId }, 'a turn could not be booked at the doors');
    lost();
    yield [
      { type: 'error', code: 'internal', message: UNBOOKED, retryable: true },
      { type: 'end', stopReason: 'error', usage, resumeId },
    ];
    return;
  }
  yield [{ ...(end ?? { type: 'end', stopReason: 'error' }), usage, resumeId }];
}

const UNBOOKED = 'The model proxy does not know this session any more. Send the message again.';

/** The turn's usage; nothing is known of a turn whose channel is gone. */
async function usageOf(
  { doors, log }: Omit<TurnParts, 'lost'>,
  channelId: string,
  turnId: string,
): Promise<TurnUsageAnswer> {
  try {
    return await doors.closeTurn(channelId, turnId);
  } catch (error) {
    const status = error instanceof DoorsError ? error.status : null;
    log.error({ err: error, turn: turnId, status }, 'the usage of a turn is not known');
    return { turn_id: turnId, usage: NO_USAGE, calls: 0, estimated_calls: 0 };
  }
}
