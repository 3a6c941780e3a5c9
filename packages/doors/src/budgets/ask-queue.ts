import { type Clock, elapsed, withinMs } from './clock.ts';
import { ASK_MS, ASK_TURN_MS, ASKS_AT_ONCE } from './limits.ts';

/**
 * The questions of one org to the control plane: for the same subject one at a time, whose answer
 * serves everybody who waits, and of all subjects a few at a time. The wait for an answer is one,
 * however many thousands share it: it ends without one when the org has had none for {@link ASK_MS}.
 */
export class AskQueue {
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  readonly #clock: Clock;
  #free = ASKS_AT_ONCE;
  /** Counts answers: while it rises, the control plane is there, and others come before. */
  #answered = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What comes of the question about this subject that runs. */
  running(key: string): Promise<boolean> | null {
    return this.#running.get(key) ?? null;
  }

  /** No question runs. */
  get idle(): boolean {
    return this.#running.size === 0;
  }

  /** Asks when it is its turn. Nothing else about this subject may run. */
  ask(key: string, question: () => Promise<boolean>): Promise<boolean> {
    const answer = this.#inTurn(question).finally(() => this.#running.delete(key));
    const inTime = this.#whileAnswered(answer);
    this.#running.set(key, inTime);
    return inTime;
  }

  async #whileAnswered(asking: Promise<boolean>): Promise<boolean> {
    const begun = this.#clock.instant();
    let over = false;
    const answer = asking.finally(() => {
      over = true;
    });
    for (;;) {
      const before = this.#answered;
      if (await withinMs(this.#clock, ASK_MS, answer)) return true;
      const stands = this.#answered === before;
      const late = elapsed(begun, this.#clock.instant()) >= ASK_TURN_MS;
      if (over || stands || late) return false;
    }
  }

  async #inTurn(question: () => Promise<boolean>): Promise<boolean> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      const ok = await question();
      if (ok) this.#answered += 1;
      return ok;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
