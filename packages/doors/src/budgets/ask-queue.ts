import { ASKS_AT_ONCE } from './limits.ts';

/**
 * The questions of one org to the control plane: for the same subject one at a time, whose answer
 * serves everybody who waits, and of all subjects a few at a time.
 */
export class AskQueue {
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  #free = ASKS_AT_ONCE;
  #answered = 0;

  /** The question about this subject that runs. */
  running(key: string): Promise<boolean> | null {
    return this.#running.get(key) ?? null;
  }

  /** Counts answers: while it rises, the control plane is there, and others come before. */
  get answered(): number {
    return this.#answered;
  }

  /** No question runs. */
  get idle(): boolean {
    return this.#running.size === 0;
  }

  /** Asks when it is its turn. Nothing else about this subject may run. */
  ask(key: string, question: () => Promise<boolean>): Promise<boolean> {
    const asking = this.#inTurn(question).finally(() => this.#running.delete(key));
    this.#running.set(key, asking);
    return asking;
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
