import type { LeasedBudget, SpendSubject } from '@karta/protocol';
import { Cap } from './cap.ts';
import { elapsed, type Instant } from './clock.ts';
import { SUBJECTS } from './limits.ts';

/** Which caps cover a subject, and since when that is known. */
export interface KnownSubject {
  caps: readonly Cap[];
  learntAt: Instant;
}

/** What this node knows of the caps of one org. */
export class OrgBook {
  readonly #caps = new Map<string, Cap>();
  readonly #subjects = new Map<string, KnownSubject>();
  #settling: PromiseWithResolvers<void> | null = null;
  #generation = 0;

  get caps(): Iterable<Cap> {
    return this.#caps.values();
  }

  /** `null`: nobody has asked yet which caps cover the subject. */
  known(subject: SpendSubject): KnownSubject | null {
    return this.#subjects.get(subjectKey(subject)) ?? null;
  }

  /**
   * The control plane has told the caps of a subject, asked when `asked` had come back. `lifeOf` says
   * how long a lease is good for.
   */
  learn(
    subject: SpendSubject,
    budgets: readonly LeasedBudget[],
    lifeOf: (expiresAt: string) => { from: Instant; ms: number },
    at: Instant,
    asked: number,
  ): void {
    const caps = budgets.map(({ lease, ...told }) => {
      const key = `${told.budget_id}\n${told.scope_id}`;
      const cap = this.#caps.get(key) ?? new Cap(told, at);
      this.#caps.set(key, cap);
      const leased =
        lease === null
          ? null
          : {
              leaseId: lease.lease_id,
              amount: BigInt(lease.amount),
              life: lifeOf(lease.expires_at),
            };
      cap.learn(told, leased, at, asked);
      return cap;
    });
    const key = subjectKey(subject);
    this.#subjects.delete(key);
    this.#subjects.set(key, { caps, learntAt: at });
    const oldest = this.#subjects.keys().next();
    if (!oldest.done && this.#subjects.size > SUBJECTS) this.#subjects.delete(oldest.value);
  }

  /** Counts how often everything may have changed. */
  get generation(): number {
    return this.#generation;
  }

  /** Everything may have changed: all blocks are closed and all is asked for again. */
  recall(): void {
    this.#generation += 1;
    for (const cap of this.#caps.values()) cap.recall();
    this.#subjects.clear();
  }

  /** Forgets blocks that are done, or that the control plane does not know. Returns their leases. */
  forgetBlocks(unknown: ReadonlySet<string>): string[] {
    return [...this.#caps.values()].flatMap((cap) => cap.forget(unknown));
  }

  /** Forgets subjects of which nothing was learnt for `keptMs`, and the caps of nobody else. */
  forgetSubjects(keptMs: number, now: Instant): void {
    for (const [key, { learntAt }] of this.#subjects) {
      if (elapsed(learntAt, now) >= keptMs) this.#subjects.delete(key);
    }
    const covering = new Set([...this.#subjects.values()].flatMap(({ caps }) => caps));
    for (const [key, cap] of this.#caps) {
      if (cap.blocks.length === 0 && !covering.has(cap)) this.#caps.delete(key);
    }
  }

  /** Nothing is known and no lease is held. */
  get empty(): boolean {
    return this.#caps.size === 0 && this.#subjects.size === 0;
  }

  /** Resolves when a call of the org is settled: what it did not take can be had. */
  nextSettlement(): Promise<void> {
    this.#settling ??= Promise.withResolvers<void>();
    return this.#settling.promise;
  }

  /** A call is settled. */
  settled(): void {
    this.#settling?.resolve();
    this.#settling = null;
  }
}

/** Names a subject within its org. An end user, who may be named anything, comes last. */
export function subjectKey(subject: SpendSubject): string {
  const { project_id, session_id, api_key_id, embed_key_id, end_user } = subject;
  const user = end_user === null ? '' : `\n${end_user}`;
  return `${project_id}\n${session_id}\n${api_key_id ?? ''}\n${embed_key_id ?? ''}${user}`;
}
