import type { HarnessEvent } from '@karta/harness';
import type { FromWorker, ResumeNews } from './protocol.ts';

type Events = Extract<FromWorker, { kind: 'events' }>;

/**
 * Sends events to the other thread: the first at once, those that follow within the same round of
 * the event loop together. A single event waits for nothing, a flood costs one message a round.
 */
export class EventOutlet {
  readonly #send: (message: Events) => void;
  #events: Events['events'] = [];
  #news = new Map<string, ResumeNews>();
  #round: NodeJS.Immediate | null = null;

  constructor(send: (message: Events) => void) {
    this.#send = send;
  }

  event(id: number, event: HarnessEvent): void {
    this.#events.push({ id, event });
    if (this.#round === null) this.flush();
  }

  /** Goes with the next events, before they are looked at. */
  news(news: ResumeNews): void {
    this.#news.set(news.machine, news);
  }

  /** Sends what waits, so that what is sent next comes after it. */
  flush(): void {
    if (this.#events.length > 0 || this.#news.size > 0) {
      this.#send({ kind: 'events', events: this.#events, news: [...this.#news.values()] });
      this.#events = [];
      this.#news.clear();
    }
    this.#round ??= setImmediate(() => {
      this.#round = null;
      if (this.#events.length > 0) this.flush();
    });
  }
}
