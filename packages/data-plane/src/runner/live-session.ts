import type { Booted } from './booted.ts';
import { RUNNER_LIMITS } from './limits.ts';

export interface UseObserver {
  /** It may not be ended to make room. */
  busy(): void;
  /** It may, `afterMs` from now. */
  idle(afterMs: number): void;
  /** It was unused for its whole time. */
  expired(): void;
}

/**
 * A session's machine while it is up: whether its harness runs, who uses it, and when it was used
 * long enough ago to be hibernated.
 */
export class LiveSession {
  readonly sessionId: string;
  readonly booted: Booted;
  /** Turns under way; their channel is closed after them. */
  readonly turns = new Set<Promise<void>>();
  /** The harness's start, shared by all who wait for it; `null` while the sandbox is bare. */
  opening: Promise<void> | null = null;
  open = false;
  readonly #observer: UseObserver;
  readonly #idleMs: number;
  #uses = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(sessionId: string, booted: Booted, idleMs: number, observer: UseObserver) {
    this.sessionId = sessionId;
    this.booted = booted;
    this.#idleMs = idleMs;
    this.#observer = observer;
  }

  /**
   * Counts a use until the returned function is called; more calls of it do nothing. Its argument
   * says how long the session stays safe from being ended for another.
   */
  use(): (graceMs?: number) => void {
    this.#uses += 1;
    if (this.#uses === 1 && !this.#over) {
      clearTimeout(this.#timer);
      this.#observer.busy();
    }
    let used = false;
    return (graceMs = 0) => {
      if (used) return;
      used = true;
      this.#uses -= 1;
      this.#rest(graceMs);
    };
  }

  /** It was made for somebody who will use it in a moment. */
  touch(): void {
    this.#rest(RUNNER_LIMITS.attachGraceMs);
  }

  /** No more timers: its end has begun. */
  finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #rest(graceMs: number): void {
    if (this.#over || this.#uses > 0) return;
    clearTimeout(this.#timer);
    this.#observer.idle(graceMs);
    const keptMs = this.open ? this.#idleMs : RUNNER_LIMITS.readerIdleMs;
    this.#timer = setTimeout(() => this.#observer.expired(), keptMs);
    this.#timer.unref();
  }
}
