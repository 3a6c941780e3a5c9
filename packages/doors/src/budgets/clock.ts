/** A moment by both clocks of this machine, in milliseconds. */
export interface Instant {
  /** Only goes on; may stand still while the machine is suspended. */
  monotonic: number;
  /** Since 1970; may jump. */
  wall: number;
}

/** The clocks of this machine. */
export interface Clock {
  instant(): Instant;
  /** Resolves after `ms`; rejects when aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  instant: () => ({ monotonic: performance.now(), wall: Date.now() }),
  // By hand: thousands of calls at once wait so, and an error of Node's for each costs more.
  pause: (ms, signal) =>
    new Promise((resolve, reject) => {
      const over = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', over);
        resolve();
      }, ms);
      if (signal.aborted) over();
      else signal.addEventListener('abort', over, { once: true });
    }),
};

/** Milliseconds between two moments, by whichever clock says more: what expires does so early. */
export function elapsed(from: Instant, to: Instant): number {
  return Math.max(to.monotonic - from.monotonic, to.wall - from.wall);
}

/** The control plane's clock, as its answers tell it: by it windows begin and end. */
export class ControlTime {
  #base: { at: Instant; now: number } | null = null;

  /** `now` was read some time after `sent`. */
  sync(sent: Instant, now: number): void {
    this.#base = { at: sent, now };
  }

  /** Milliseconds since 1970, ahead of the control plane by a network hop at most. */
  at(instant: Instant): number {
    if (this.#base === null) return instant.wall;
    return this.#base.now + elapsed(this.#base.at, instant);
  }
}
