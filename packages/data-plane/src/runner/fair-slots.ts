import { leastFirst } from './least-first.ts';

interface Waiting {
  org: string;
  begin(): void;
}

/**
 * Lets so much work be done at once, and has the rest wait by org: the next is of the org that has
 * least under way, of several whoever came first. So the many starts of one org neither take each
 * other's processor until none is in time, nor delay those of another: some slots more are for the
 * first of an org that has nothing under way. Work that takes long goes on without its slot: nobody
 * keeps the others waiting by never being done.
 */
export class FairSlots {
  readonly #slots: number;
  readonly #reserved: number;
  readonly #holdMs: number;
  readonly #running = new Map<string, number>();
  readonly #waiting: Waiting[] = [];
  #busy = 0;

  /** `reserved`: slots for orgs that have none. `holdMs`: how long work may hold a slot. */
  constructor(slots: number, reserved: number, holdMs: number) {
    this.#slots = slots;
    this.#reserved = reserved;
    this.#holdMs = holdMs;
  }

  /** Work that waits. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Does the work once it is its turn; settles as it does. */
  async run<T>(org: string, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((begin) => {
      this.#waiting.push({ org, begin });
      this.#next();
    });
    let holds = true;
    const giveBack = () => {
      if (!holds) return;
      holds = false;
      this.#busy -= 1;
      this.#count(org, -1);
      this.#next();
    };
    const late = setTimeout(giveBack, this.#holdMs);
    late.unref();
    try {
      return await work();
    } finally {
      clearTimeout(late);
      giveBack();
    }
  }

  #next(): void {
    const next = leastFirst(this.#waiting, ({ org }) => this.#running.get(org) ?? 0);
    if (next === undefined) return;
    const reserved = this.#running.has(next.org) ? 0 : this.#reserved;
    if (this.#busy >= this.#slots + reserved) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#busy += 1;
    this.#count(next.org, 1);
    next.begin();
  }

  #count(org: string, change: number): void {
    const running = (this.#running.get(org) ?? 0) + change;
    if (running === 0) this.#running.delete(org);
    else this.#running.set(org, running);
  }
}
