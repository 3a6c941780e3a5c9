import type { Clock, Instant } from '../clock.ts';

/** A clock that goes on when it is told to. */
export class PaperClock implements Clock {
  #now = 0;
  /** How far the wall clock of this machine is off. */
  skew = 0;
  readonly #waiting = new Set<{ at: number; resolve: () => void }>();

  instant(): Instant {
    return { monotonic: this.#now, wall: 1_000_000 + this.#now + this.skew };
  }

  pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { at: this.#now + ms, resolve };
      this.#waiting.add(waiting);
      const aborted = () => {
        this.#waiting.delete(waiting);
        reject(signal.reason);
      };
      if (signal.aborted) aborted();
      else signal.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Goes on; whoever has waited long enough is told. */
  pass(ms: number): void {
    this.#now += ms;
    for (const waiting of this.#waiting) {
      if (waiting.at > this.#now) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }
}
