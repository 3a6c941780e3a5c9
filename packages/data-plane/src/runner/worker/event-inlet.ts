import type { HarnessEvent } from '@karta/harness';

/** Events of one turn, as they come from the other thread, for one reader. */
export class EventInlet {
  readonly #taken: (count: number) => void;
  readonly #step: number;
  #events: HarnessEvent[] = [];
  #untold = 0;
  #over = false;
  #wake: (() => void) | null = null;

  /** `taken` is told how many events were read each time these are `step` or more. */
  constructor(step: number, taken: (count: number) => void) {
    this.#step = step;
    this.#taken = taken;
  }

  push(events: readonly HarnessEvent[]): void {
    this.#events.push(...events);
    this.#wake?.();
  }

  /** Nothing follows. */
  finish(): void {
    this.#over = true;
    this.#wake?.();
  }

  /** All that waits, again and again. */
  async *read(): AsyncGenerator<readonly HarnessEvent[], void, undefined> {
    for (;;) {
      if (this.#events.length > 0) {
        const events = this.#events;
        this.#events = [];
        yield events;
        this.#count(events.length);
        continue;
      }
      if (this.#over) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  #count(read: number): void {
    this.#untold += read;
    if (this.#untold < this.#step) return;
    this.#taken(this.#untold);
    this.#untold = 0;
  }
}
