import type { HarnessEvent } from '@karta/harness';

/**
 * How long the events of a flood gather, in milliseconds. Each message between threads wakes the
 * other one, and there each wakes every reader: done for each event, that costs more than the event.
 */
export const FLOOD_PACE_MS = 1;

/**
 * Sends the events of one turn to the other thread: what comes after a pause at once, a flood in a
 * message each {@link FLOOD_PACE_MS}. Models speak far slower than that, so a turn that is no flood
 * waits for nothing.
 */
export class EventOutlet {
  readonly #send: (events: HarnessEvent[]) => void;
  #events: HarnessEvent[] = [];
  #pause: NodeJS.Timeout | null = null;

  constructor(send: (events: HarnessEvent[]) => void) {
    this.#send = send;
  }

  push(events: readonly HarnessEvent[]): void {
    this.#events.push(...events);
    if (this.#pause === null) this.flush();
  }

  /** Sends what waits, so that what is sent next comes after it. */
  flush(): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    this.#send(events);
    this.#pause ??= setTimeout(() => {
      this.#pause = null;
      this.flush();
    }, FLOOD_PACE_MS);
  }
}
