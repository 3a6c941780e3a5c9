import { type Bucket, debtAt, msToFull, waitForOne, withUnits } from './bucket.ts';
import { nameOf, type RateObject } from './rate-subject.ts';

/** Subjects of all orgs whose buckets are kept, each some 200 bytes. */
export const TRACKED_SUBJECTS = 200_000;
/** Of one org, so that no org can fill the table for the others. */
export const TRACKED_SUBJECTS_OF_ORG = 20_000;
/** Buckets looked at, to be forgotten when full, for each one that is new. */
const LOOKED_AT = 4;

interface Kept extends Bucket {
  org: string;
  /** From then on it is as good as none. */
  fullAt: number;
}

export interface BucketsConfig {
  /** How far a debt is followed, in minutes' worth of the rate. */
  minutes: number;
  /** A clock that never goes back, in milliseconds. */
  now(): number;
  subjects?: number;
  subjectsOfOrg?: number;
}

/**
 * The buckets of one kind, by subject. Only a bucket that is full again is forgotten, which changes
 * nothing for its subject. Where no place is left, the further subjects of an org share one bucket
 * for each scope, and whoever gets a place later takes over what that one owes: nobody empties a
 * bucket and has it forgotten by bringing many others.
 */
export class Buckets {
  readonly #config: BucketsConfig;
  readonly #kept = new Map<string, Kept>();
  readonly #ofOrg = new Map<string, number>();
  /** By org and scope. */
  readonly #shared = new Map<string, Bucket>();
  /** Goes round the table; each new subject moves it on. */
  #hand = this.#kept.entries();

  constructor(config: BucketsConfig) {
    this.#config = config;
  }

  /** Subjects that have a bucket of their own. */
  get size(): number {
    return this.#kept.size;
  }

  /** Milliseconds until a unit can be had; 0: now. `rate`: units a minute. */
  wait(of: RateObject, rate: number): number {
    return waitForOne(this.#debt(nameOf(of), of, rate, this.#now()), rate);
  }

  /** Takes units, whether or not they are there: a bucket may owe. */
  take(of: RateObject, rate: number, units: number): void {
    const now = this.#now();
    const subject = nameOf(of);
    const debt = withUnits(this.#debt(subject, of, rate, now), units);
    const { org } = of;
    if (!this.#kept.has(subject)) {
      if (!this.#makeRoom(org, now)) {
        this.#shared.set(sharedBy(of), { debt, at: now });
        return;
      }
      this.#ofOrg.set(org, (this.#ofOrg.get(org) ?? 0) + 1);
    }
    this.#kept.set(subject, { org, debt, at: now, fullAt: now + msToFull(debt, rate) });
  }

  #now(): number {
    return Math.floor(this.#config.now());
  }

  #debt(subject: string, of: RateObject, rate: number, now: number): number {
    const bucket = this.#kept.get(subject) ?? this.#shared.get(sharedBy(of));
    return debtAt(bucket, rate, now, this.#config.minutes);
  }

  #makeRoom(org: string, now: number): boolean {
    for (let looked = 0; looked < LOOKED_AT; looked += 1) {
      const next = this.#hand.next();
      if (next.done) {
        this.#hand = this.#kept.entries();
        continue;
      }
      const [subject, kept] = next.value;
      if (kept.fullAt <= now) this.#forget(subject, kept.org);
    }
    const { subjects = TRACKED_SUBJECTS, subjectsOfOrg = TRACKED_SUBJECTS_OF_ORG } = this.#config;
    return this.#kept.size < subjects && (this.#ofOrg.get(org) ?? 0) < subjectsOfOrg;
  }

  #forget(subject: string, org: string): void {
    this.#kept.delete(subject);
    const left = (this.#ofOrg.get(org) ?? 1) - 1;
    if (left === 0) this.#ofOrg.delete(org);
    else this.#ofOrg.set(org, left);
  }
}

function sharedBy({ org, scope }: RateObject): string {
  return `${org} ${scope}`;
}
