/**
 * A queue between one writer and one reader, who is given all that waits at once. A writer that
 * waits for `push` while more than `high` items wait is slowed down to the reader's pace.
 */
export class EventQueue<T> implements AsyncIterable<readonly T[]> {
  readonly #high: number;
  #items: T[] = [];
  #ended = false;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;

  constructor(high: number) {
    this.#high = high;
  }

  /**
   * Adds items; later than `end` they are dropped. Returns a promise only when too many wait: it
   * resolves once the reader has taken them.
   */
  push(items: readonly T[]): undefined | Promise<void> {
    this.add(items);
    if (this.#items.length <= this.#high || this.#ended) return undefined;
    return new Promise((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  /** Adds items whatever waits. */
  add(items: readonly T[]): void {
    if (this.#ended || items.length === 0) return;
    this.#items.push(...items);
    this.#wakeReader?.();
  }

  /** What was added is still read; then the reader ends. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  /** Drops what waits: nobody reads any more. */
  abandon(): void {
    this.#items = [];
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly T[]> {
    for (;;) {
      const items = this.#items;
      if (items.length > 0) {
        this.#items = [];
        this.#wakeWriter?.();
        yield items;
        continue;
      }
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }
}
