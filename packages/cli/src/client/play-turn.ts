import type { FoldedTurn, KartaEvent } from '@karta/protocol';
import { ConflictError, GoneError, type SendOptions, type SessionHandle } from '@karta/sdk';
import type { Approver } from './approvals.ts';

export interface Playing {
  /** Sees each event once, in order. */
  show: (event: KartaEvent) => void;
  approver: Approver;
  /** Aborting it cancels the turn; its last events still come. */
  cancel: AbortSignal;
  options?: SendOptions;
}

/**
 * Sends a message and plays the turn to its end, answering what the agent asks on the way. Throws
 * what the SDK throws.
 */
export async function playTurn(
  session: SessionHandle,
  text: string,
  playing: Playing,
): Promise<FoldedTurn> {
  await using stream = session.stream(text, playing.options);
  const failures: unknown[] = [];
  const background: Promise<unknown>[] = [];
  const inBackground = (work: Promise<unknown>) => {
    background.push(work.catch((error) => failures.push(error)));
  };
  const onCancel = () => inBackground(session.cancel());
  playing.cancel.addEventListener('abort', onCancel, { once: true });
  try {
    for await (const event of stream) {
      playing.show(event);
      if (event.type === 'input_required' && !playing.cancel.aborted) {
        const answer = await answerUnlessCancelled(event.data, playing);
        // Resolving answers at the next pause or the end; the stream shows what happens till then.
        if (answer !== null) inBackground(resolve(session, event.data.request_id, answer));
      }
    }
  } finally {
    playing.cancel.removeEventListener('abort', onCancel);
    await Promise.all(background);
  }
  if (failures.length > 0 && stream.turn.stop_reason === null) throw failures[0];
  return stream.turn;
}

async function answerUnlessCancelled(
  ask: Parameters<Approver>[0],
  playing: Playing,
): Promise<Awaited<ReturnType<Approver>> | null> {
  try {
    return await playing.approver(ask, playing.cancel);
  } catch (error) {
    if (playing.cancel.aborted) return null;
    throw error;
  }
}

/** An ask that somebody else has answered, or that has expired, needs no answer from here. */
async function resolve(
  session: SessionHandle,
  requestId: string,
  answer: Awaited<ReturnType<Approver>>,
): Promise<void> {
  try {
    const { decision, ...options } = answer;
    await session.inputs.resolve(requestId, decision, options);
  } catch (error) {
    if (!(error instanceof ConflictError || error instanceof GoneError)) throw error;
  }
}
