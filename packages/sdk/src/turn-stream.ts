import { emptyFold, type FoldedTurn, foldEvent, type KartaEvent } from '@karta/protocol';
import { eventFrames } from './event-frames.ts';
import { resume } from './resume.ts';
import type { Transport } from './transport.ts';

/** One turn's request, as `Session.stream` prepares it. */
export interface TurnRequest {
  transport: Transport;
  /** `/v1/…/sessions/{id}` */
  sessionPath: string;
  /** Body of `POST …/messages`; `stream` is added. */
  body: Record<string, unknown>;
  signal?: AbortSignal | undefined;
  silenceMs?: number | undefined;
}

/**
 * The events of one turn, from the message to its `done`, through pauses for approvals and through
 * dropped connections. The message is sent when the iteration starts; a repetition carries the same
 * idempotency key, so it attaches to the same turn. Leaving the iteration closes the connection and
 * lets the turn run on; `Session.cancel` ends the turn.
 *
 * ```ts
 * for await (const event of session.stream('Hello')) {
 *   if (event.type === 'text') process.stdout.write(event.data.part.text);
 * }
 * ```
 */
export class TurnStream implements AsyncIterable<KartaEvent>, AsyncDisposable {
  readonly #closing = new AbortController();
  readonly #events: AsyncGenerator<KartaEvent>;
  readonly #fold = emptyFold();

  constructor(request: TurnRequest) {
    const { signal } = request;
    this.#events = this.#run(
      request,
      signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
    );
  }

  /** What has been received so far, folded. */
  get turn(): Readonly<FoldedTurn> {
    return this.#fold;
  }

  [Symbol.asyncIterator](): AsyncIterator<KartaEvent> {
    return this.#events;
  }

  /** Reads to the end of the turn and returns it folded. */
  async finished(): Promise<FoldedTurn> {
    for await (const _event of this.#events);
    return this.#fold;
  }

  /** Closes the connection; the turn itself runs on. */
  async close(): Promise<void> {
    this.#closing.abort(new DOMException('The stream was closed', 'AbortError'));
    await this.#events.return(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#run(request: TurnRequest, signal: AbortSignal): AsyncGenerator<KartaEvent> {
    const { transport, sessionPath } = request;
    const key = crypto.randomUUID();
    let turnId: string | null = null;
    const events = resume({
      transport,
      signal,
      silenceMs: request.silenceMs,
      open: (after) =>
        after === null
          ? transport.send({
              method: 'POST',
              path: `${sessionPath}/messages`,
              json: { ...request.body, stream: true },
              headers: { accept: 'text/event-stream', 'idempotency-key': key },
              signal,
            })
          : transport.send({
              method: 'GET',
              path: `${sessionPath}/events`,
              query: { after: String(after) },
              headers: { accept: 'text/event-stream', 'last-event-id': String(after) },
              signal,
            }),
      read: eventFrames,
      wanted: (event) => {
        if (event.turn_id === null) return true;
        // The first stream holds this turn alone; later ones hold whatever the session does.
        turnId ??= event.turn_id;
        return event.turn_id === turnId;
      },
      ends: (event) => event.type === 'done' && event.turn_id === turnId,
      endsWithStream: false,
    });
    for await (const event of events) {
      foldEvent(this.#fold, event);
      yield event;
    }
  }
}
