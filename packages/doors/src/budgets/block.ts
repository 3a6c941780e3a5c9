import { elapsed, type Instant } from './clock.ts';

let returns = 0;

/**
 * How many times something of a closed block has come back so far: by the number that it had when a
 * question was sent it is known of which of them the answer does not tell.
 */
export function returnsSoFar(): number {
  return returns;
}

/** A share of a cap, leased to this node: what may be taken from it, and what was. */
export class Block {
  readonly leaseId: string;
  readonly amount: bigint;
  readonly windowStart: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  /** Taken by nobody; below 0 when calls took more than they had reserved. */
  #free: bigint;
  /** Taken by calls that run, at their reservation. */
  #open = 0n;
  #openCalls = 0;
  #closed = false;
  #returned = 0;
  #life: { from: Instant; ms: number };
  /** When something was last taken, or the block began. */
  #usedAt: Instant;
  /** What was last told to the control plane, and when. */
  #told: { taken: bigint; closed: boolean; at: Instant };

  /** `life`: it may be taken from until `ms` after `from`. */
  constructor(
    lease: { leaseId: string; amount: bigint; windowStart: string; windowEndMs: number },
    life: { from: Instant; ms: number },
    now: Instant,
  ) {
    this.leaseId = lease.leaseId;
    this.amount = lease.amount;
    this.#free = lease.amount;
    this.windowStart = lease.windowStart;
    this.windowStartMs = Date.parse(lease.windowStart);
    this.windowEndMs = lease.windowEndMs;
    this.#life = life;
    this.#usedAt = now;
    this.#told = { taken: 0n, closed: false, at: now };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Held by calls that run. */
  get open(): bigint {
    return this.#open;
  }

  /** {@link returnsSoFar} when something of it last came back, once closed. */
  get returned(): number {
    return this.#returned;
  }

  /** Taken in all: settled calls at what they cost, open ones at their reservation. */
  get taken(): bigint {
    return this.amount - this.#free;
  }

  get rest(): bigint {
    return this.#free > 0n ? this.#free : 0n;
  }

  /** What a call that begins at `at` (ms, by the control plane's clock) can take. */
  available(at: number, now: Instant): bigint {
    // Most blocks of a cap that is used fast are taken whole.
    if (this.#free <= 0n || this.#closed) return 0n;
    return at < this.windowEndMs && !this.expired(now) ? this.#free : 0n;
  }

  expired(now: Instant): boolean {
    return elapsed(this.#life.from, now) >= this.#life.ms;
  }

  idleMs(now: Instant): number {
    return elapsed(this.#usedAt, now);
  }

  take(amount: bigint, now: Instant): void {
    this.#free -= amount;
    this.#open += amount;
    this.#openCalls += 1;
    this.#usedAt = now;
  }

  /** A call is over that had `reserved` of this block and took `actual`. */
  settle(reserved: bigint, actual: bigint): void {
    this.#open -= reserved;
    this.#openCalls -= 1;
    this.#free += reserved - actual;
    if (this.#closed && reserved > actual) this.#comesBack();
  }

  /** The lease goes on. */
  renew(life: { from: Instant; ms: number }): void {
    this.#life = life;
  }

  /** Nothing more is taken from it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.rest > 0n) this.#comesBack();
  }

  #comesBack(): void {
    returns += 1;
    this.#returned = returns;
  }

  /** Whether a closing, or what came of calls that outlived it, has not been told. */
  get owesWord(): boolean {
    return this.#closed && (!this.#told.closed || this.#told.taken !== this.taken);
  }

  /** Closed, no call runs, and the control plane knows it all. */
  get done(): boolean {
    return this.#closed && this.#openCalls === 0 && !this.owesWord;
  }

  /** How long ago its state was told. */
  untoldMs(now: Instant): number {
    return elapsed(this.#told.at, now);
  }

  /** The control plane has taken note of this. */
  told(taken: bigint, closed: boolean, at: Instant): void {
    this.#told = { taken, closed, at };
  }
}
