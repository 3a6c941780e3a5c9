import type { HarnessEvent } from '@karta/harness';
import type { FromWorker, ResumeNews, TurnEvents } from './protocol.ts';

type Events = Extract<FromWorker, { kind: 'events' }>;

/**
 * Sends events to the other thread: the first batch at once, those that follow within the same
 * round of the event loop together. A batch alone waits for nothing, a flood costs one message a
 * round.
 */
export class EventOutlet {
  readonly #send: (message: Events) => void;
  #turns: TurnEvents[] = [];
  #news = new Map<string, ResumeNews>();
  #round: NodeJS.Immediate | null = null;

  constructor(send: (message: Events) => void) {
    this.#send = send;
  }

  /** Events of the turn `id`. */
  events(id: number, events: readonly HarnessEvent[]): void {
    const last = this.#turns.at(-1);
    if (last?.id === id) last.events.push(...events);
    else this.#turns.push({ id, events: [...events] });
    if (this.#round === null) this.flush();
  }

  /** Goes with the next events, before they are looked at. */
  news(news: ResumeNews): void {
    this.#news.set(news.machine, news);
  }

  /** Sends what waits, so that what is sent next comes after it. */
  flush(): void {
    if (this.#turns.length > 0 || this.#news.size > 0) {
      this.#send({ kind: 'events', turns: this.#turns, news: [...this.#news.values()] });
      this.#turns = [];
      this.#news.clear();
    }
    this.#round ??= setImmediate(() => {
      this.#round = null;
      if (this.#turns.length > 0) this.flush();
    });
  }
}
