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

/** What comes within `ms` and before `signal` is aborted; else false. */
export async function withinMs(
  clock: Clock,
  ms: number,
  work: Promise<boolean>,
  signal?: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  const until = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
  const late = clock.pause(ms, until).then(never, never);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort(OVER);
  }
}

/** What comes before `signal` is aborted; else false. */
export async function unlessAborted(
  work: Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (signal === undefined) return work;
  if (signal.aborted) return false;
  const { promise: gone, resolve } = Promise.withResolvers<boolean>();
  const over = () => resolve(false);
  signal.addEventListener('abort', over, { once: true });
  try {
    return await Promise.race([work, gone]);
  } finally {
    signal.removeEventListener('abort', over);
  }
}

/** Why a wait is called off. */
const OVER = new Error('it came in time');
const never = () => false;

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
