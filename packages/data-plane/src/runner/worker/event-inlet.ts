import type { HarnessEvent } from '@karta/harness';

/** Events of one turn, as they come from the other thread, for one reader. */
export class EventInlet {
  readonly #taken: (count: number) => void;
  readonly #step: number;
  #events: HarnessEvent[] = [];
  #next = 0;
  #untold = 0;
  #over = false;
  #wake: (() => void) | null = null;

  /** `taken` is told each time `step` more events were read. */
  constructor(step: number, taken: (count: number) => void) {
    this.#step = step;
    this.#taken = taken;
  }

  push(event: HarnessEvent): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** Nothing follows. */
  finish(): void {
    this.#over = true;
    this.#wake?.();
  }

  async *read(): AsyncGenerator<HarnessEvent, void, undefined> {
    for (;;) {
      const event = this.#shift();
      if (event !== undefined) {
        yield event;
        continue;
      }
      if (this.#over) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  #shift(): HarnessEvent | undefined {
    const event = this.#events[this.#next];
    if (event === undefined) return undefined;
    this.#next += 1;
    if (this.#next === this.#events.length) {
      this.#events = [];
      this.#next = 0;
    }
    this.#untold += 1;
    if (this.#untold >= this.#step) {
      this.#taken(this.#untold);
      this.#untold = 0;
    }
    return event;
  }
}
