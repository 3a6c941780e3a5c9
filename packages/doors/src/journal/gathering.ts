/** A wait before a flush, which ends by itself, or sooner. */
export class Gathering {
  readonly over: Promise<void>;
  readonly end: () => void;
  #until: number;
  #timer: NodeJS.Timeout;

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#until = performance.now() + ms;
    this.#timer = setTimeout(resolve, ms);
    this.end = () => {
      clearTimeout(this.#timer);
      resolve();
    };
  }

  /** It lasts so many milliseconds more at the most. */
  endWithin(ms: number): void {
    const until = performance.now() + ms;
    if (until >= this.#until) return;
    this.#until = until;
    clearTimeout(this.#timer);
    if (ms === 0) this.end();
    else this.#timer = setTimeout(this.end, ms);
  }
}
