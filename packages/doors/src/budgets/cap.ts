import type { BudgetMetric, LeasedBudget } from '@karta/protocol';
import { Block } from './block.ts';
import { elapsed, type Instant } from './clock.ts';
import { IDLE_MS, LEFT_MS, LOW_WATER } from './limits.ts';

/** A cap as people are told of it. */
export type ToldCap = Omit<LeasedBudget, 'lease'>;

/** A part of a reservation: what was taken from one block. */
export interface Taken {
  cap: Cap;
  block: Block;
  amount: bigint;
}

/** One cap on one object: what the control plane told of it, and the blocks that this node has. */
export class Cap {
  readonly budgetId: string;
  readonly metric: BudgetMetric;
  #told: ToldCap;
  #toldAt: Instant;
  #left: bigint;
  /** How much had come back to the control plane when it was asked for what it told. */
  #asked = 0;
  /** When something of the blocks that are forgotten came back. */
  #returned = 0;
  #blocks: Block[] = [];
  /** A part of the block that came last. */
  #low = 0n;
  /** Taken since the control plane was last asked: how fast it is used. */
  #takenSinceAsk = 0n;

  constructor(told: ToldCap, at: Instant) {
    this.budgetId = told.budget_id;
    this.metric = told.metric;
    this.#told = told;
    this.#toldAt = at;
    this.#left = BigInt(told.left);
  }

  get blocks(): readonly Block[] {
    return this.#blocks;
  }

  get takenSinceAsk(): bigint {
    return this.#takenSinceAsk;
  }

  /** What the control plane has to lease beside this node's blocks, as it told last. */
  get left(): bigint {
    return this.#left;
  }

  /** Whether it was told a moment ago that nothing is left to lease. */
  usedUp(now: Instant): boolean {
    return this.left === 0n && elapsed(this.#toldAt, now) < LEFT_MS;
  }

  /** Whether something has come back since the control plane was asked what is left. */
  get outdated(): boolean {
    return (
      this.#blocks.reduce((last, { returned }) => Math.max(last, returned), this.#returned) >
      this.#asked
    );
  }

  /** When its window ends, in ms since 1970. */
  get windowEndMs(): number {
    const end = this.#told.window_end;
    return end === null ? Number.POSITIVE_INFINITY : Date.parse(end);
  }

  /** What a call that begins at `at` can take here without asking. */
  available(at: number, now: Instant): bigint {
    let sum = 0n;
    for (const block of this.#blocks) sum += block.available(at, now);
    return sum;
  }

  /** Whether a call that begins at `at` can take so much here without asking. */
  covers(amount: bigint, at: number, now: Instant): boolean {
    let lacking = amount;
    for (const block of this.#blocks) {
      if (lacking <= 0n) break;
      const available = block.available(at, now);
      if (available > 0n) lacking -= available;
    }
    return lacking <= 0n;
  }

  /** The latest beginning of a window among its open blocks: no call of them begins before. */
  windowStartMs(): number {
    let latest = 0;
    for (const block of this.#blocks) {
      if (!block.closed) latest = Math.max(latest, block.windowStartMs);
    }
    return latest;
  }

  /** Held by calls that run: some of it may come back. */
  get open(): bigint {
    let sum = 0n;
    for (const block of this.#blocks) sum += block.open;
    return sum;
  }

  /** Less than this should be followed by another block. */
  get low(): bigint {
    return this.#low;
  }

  /**
   * The control plane has answered what it was asked when `asked` had come back; `life` is that of
   * the lease in it.
   */
  learn(
    told: ToldCap,
    lease: { leaseId: string; amount: bigint; life: { from: Instant; ms: number } } | null,
    at: Instant,
    asked: number,
  ): void {
    this.#told = told;
    this.#toldAt = at;
    this.#asked = asked;
    this.#left = BigInt(told.left);
    this.#takenSinceAsk = 0n;
    if (lease === null || this.#blocks.some(({ leaseId }) => leaseId === lease.leaseId)) return;
    this.#low = lease.amount / LOW_WATER;
    const { window_start: windowStart } = told;
    const of = { leaseId: lease.leaseId, amount: lease.amount };
    const block = new Block({ ...of, windowStart, windowEndMs: this.windowEndMs }, lease.life, at);
    this.#blocks.push(block);
  }

  /** Takes `amount`, which must be available, from the blocks that are the oldest, into `parts`. */
  take(amount: bigint, at: number, now: Instant, parts: Taken[]): void {
    let wanted = amount;
    for (const block of this.#blocks) {
      const available = block.available(at, now);
      const part = available < wanted ? available : wanted;
      if (part === 0n) continue;
      block.take(part, now);
      parts.push({ cap: this, block, amount: part });
      wanted -= part;
      if (wanted === 0n) break;
    }
    this.#takenSinceAsk += amount;
  }

  /** Closes blocks of which nothing more can, or for a while was, taken; `idle`: those too. */
  sweep(at: number, now: Instant, idle: boolean): void {
    for (const block of this.#blocks) {
      const over = at >= block.windowEndMs || block.expired(now);
      if (over || (idle && block.idleMs(now) >= IDLE_MS)) block.close();
    }
  }

  /** Closes all blocks. */
  recall(): void {
    for (const block of this.#blocks) block.close();
  }

  /** Forgets blocks that are done, or that the control plane does not know. Returns their leases. */
  forget(unknown: ReadonlySet<string>): string[] {
    const gone = this.#blocks.filter((block) => block.done || unknown.has(block.leaseId));
    for (const { returned } of gone) this.#returned = Math.max(this.#returned, returned);
    if (gone.length > 0) this.#blocks = this.#blocks.filter((block) => !gone.includes(block));
    return gone.map(({ leaseId }) => leaseId);
  }

  /** The cap with what is left of it for this node: to lease, and in blocks at hand. */
  tell(at: number, now: Instant): ToldCap {
    return { ...this.#told, left: (this.left + this.available(at, now)).toString() };
  }
}
