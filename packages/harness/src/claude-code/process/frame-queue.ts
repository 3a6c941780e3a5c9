/** Frames or bytes that wait at most; the reader of the process then waits for their taker. */
const MAX_ITEMS = 512;
const MAX_BYTES = 8 * 1024 * 1024;

/** A queue between the reader of a process and the turn: bounded, so that a flood waits outside. */
export class FrameQueue<T> {
  #items: T[] = [];
  #bytes = 0;
  #closed = false;
  #dropping = false;
  #taker: (() => void) | null = null;
  #giver: (() => void) | null = null;

  /** Returns a promise only when the queue is full: it resolves once there is room for more. */
  push(item: T, bytes: number): undefined | Promise<void> {
    return this.pushNow(item, bytes) && this.#full() ? this.#room() : undefined;
  }

  /** Adds without waiting, for the few items that the platform makes itself. Whether it was kept. */
  pushNow(item: T, bytes = 0): boolean {
    if (this.#closed || this.#dropping) return false;
    this.#items.push(item);
    this.#bytes += bytes;
    this.#wakeTaker();
    return true;
  }

  /**
   * All that waits, at least one item. `null` when the queue is closed and empty, `'timeout'` when
   * nothing came within `timeoutMs`.
   */
  async take(timeoutMs?: number): Promise<readonly T[] | null | 'timeout'> {
    const deadline = timeoutMs === undefined ? null : performance.now() + timeoutMs;
    for (;;) {
      if (this.#items.length > 0) return this.#takeAll();
      if (this.#closed) return null;
      const left = deadline === null ? null : deadline - performance.now();
      if (left !== null && left <= 0) return 'timeout';
      await this.#wait(left);
    }
  }

  /** Forgets what waits, and until told otherwise also what comes. */
  drop(dropping: boolean): void {
    this.#dropping = dropping;
    if (dropping) this.#takeAll();
  }

  /** Nothing more comes; what waits can still be taken. */
  close(): void {
    this.#closed = true;
    this.#wakeTaker();
    this.#wakeGiver();
  }

  #takeAll(): readonly T[] {
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    this.#wakeGiver();
    return items;
  }

  #full(): boolean {
    return this.#items.length >= MAX_ITEMS || this.#bytes >= MAX_BYTES;
  }

  async #room(): Promise<void> {
    while (this.#full() && !this.#closed && !this.#dropping) {
      await new Promise<void>((resolve) => {
        this.#giver = resolve;
      });
    }
  }

  async #wait(ms: number | null): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#taker = resolve;
    const timer = ms === null ? null : setTimeout(resolve, ms);
    await promise;
    if (timer !== null) clearTimeout(timer);
  }

  #wakeTaker(): void {
    this.#taker?.();
    this.#taker = null;
  }

  #wakeGiver(): void {
    this.#giver?.();
    this.#giver = null;
  }
}
