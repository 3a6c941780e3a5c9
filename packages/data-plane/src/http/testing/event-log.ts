import { type EventBody, KartaError, type KartaEvent } from '@karta/protocol';
import { eventAt } from '../../sessions/frame.ts';
import type { EventQuery } from '../../sessions/port.ts';

/** The events of one session in memory, with readers that wait for what is still to come. */
export class EventLog {
  readonly events: KartaEvent[] = [];
  readonly #sessionId: string;
  #firstKept = 1;
  #ended = false;
  #wake = Promise.withResolvers<void>();
  /** Readers that iterate now. */
  readers = 0;

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  get lastSeq(): number {
    return this.events.length;
  }

  push(turnId: string, body: EventBody): KartaEvent {
    const place = { sessionId: this.#sessionId, turnId, timestamp: Date.now() };
    const event = eventAt({ seq: this.events.length + 1, ...place }, body);
    this.events.push(event);
    this.#ring();
    return event;
  }

  /** From now on nothing before `seq` is kept. */
  forgetBefore(seq: number): void {
    this.#firstKept = seq;
  }

  end(): void {
    this.#ended = true;
    this.#ring();
  }

  open(query: EventQuery): AsyncIterable<KartaEvent> {
    if (query.after + 1 < this.#firstKept) {
      throw new KartaError('replay_expired', undefined, { extra: { first_seq: this.#firstKept } });
    }
    return this.#read(query);
  }

  async *#read({ after, until, signal }: EventQuery): AsyncGenerator<KartaEvent> {
    this.readers += 1;
    const gone = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    try {
      for (let next = after; !signal.aborted; ) {
        const event = this.events[next];
        if (event === undefined) {
          if (this.#ended) return;
          await Promise.race([this.#wake.promise, gone]);
          continue;
        }
        next += 1;
        yield event;
        if (until !== undefined && event.turn_id === until.turnId) {
          if (event.type === 'done') return;
          if (event.type === 'input_required' && until.at === 'pause') return;
        }
      }
    } finally {
      this.readers -= 1;
    }
  }

  #ring(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers<void>();
    resolve();
  }
}
