import type { Clock, Instant } from '../../../packages/doors/src/budgets/clock.ts';
import { Turn, Turns } from './turn.ts';

interface Due {
  at: number;
  order: number;
  run: () => void;
}

/**
 * The only time there is in a simulation: it goes on from one event to the next, and waits at each
 * until all that the event caused, databases and files included, has come to rest.
 */
export class SimulatedTime {
  /** Milliseconds since 1970 by a clock that is never off. */
  now: number;
  #due: Due[] = [];
  #order = 0;
  #busy = 0;
  readonly #turns = new Turns();
  #onIdle: (() => void) | null = null;

  constructor(start: number) {
    this.now = start;
  }

  /** Runs something in `ms`. */
  after(ms: number, run: () => void): void {
    this.#order += 1;
    this.#due.push({ at: this.now + Math.max(0, ms), order: this.#order, run });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /**
   * Work that takes real time and none of this one: time stands still until it is done. What begins
   * at one instant ends in the order in which it began, whoever answers first, so that a seed is
   * played the same way each time.
   */
  async real<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    const turn = new Turn(this.#turns);
    this.#busy += 1;
    try {
      return await work(turn);
    } finally {
      await turn.leave();
      this.#free();
    }
  }

  /** Waits, in the middle of the real work whose `turn` this is, for what takes time here. */
  async within<T>(turn: Turn, work: () => Promise<T>): Promise<T> {
    await turn.leave();
    this.#free();
    try {
      return await work();
    } finally {
      this.#busy += 1;
      turn.enter();
    }
  }

  /** Lets events happen until `done` says so, or nothing is due before `until`. */
  async run(until: number, done: () => boolean = () => false): Promise<void> {
    await this.#rest();
    while (!done()) {
      const next = this.#next();
      if (next === null || next.at > until) break;
      this.#due.splice(this.#due.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.run();
      await this.#rest();
    }
    if (!done()) this.now = Math.max(this.now, until);
  }

  #free(): void {
    this.#busy -= 1;
    if (this.#busy === 0) this.#onIdle?.();
  }

  #next(): Due | null {
    let first: Due | null = null;
    for (const due of this.#due) {
      if (first === null || due.at < first.at || (due.at === first.at && due.order < first.order)) {
        first = due;
      }
    }
    return first;
  }

  async #rest(): Promise<void> {
    for (;;) {
      // What the last piece of work resolved may begin another.
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      if (this.#busy === 0) return;
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
  }
}

/** The clocks of one machine: its wall clock is off by `skew` milliseconds, which may change. */
export class MachineClock implements Clock {
  readonly #time: SimulatedTime;
  skew: number;

  constructor(time: SimulatedTime, skew: number) {
    this.#time = time;
    this.skew = skew;
  }

  instant(): Instant {
    return { monotonic: this.#time.now, wall: this.#time.now + this.skew };
  }

  pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () => reject(signal.reason);
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      this.#time.after(ms, resolve);
    });
  }
}
