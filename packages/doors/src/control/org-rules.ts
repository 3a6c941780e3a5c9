import { KartaError, type OrgSpendRules } from '@karta/protocol';
import type { DoorsControl } from './port.ts';

/**
 * Rules hold for this long, in ms, where no push came before: so late at the most counts the first
 * cap of an org of which the push was lost. They are asked for again when half of it is over.
 */
const FRESH_MS = 10_000;
/** For so long, in ms, nobody waits once more for a control plane that did not answer. */
const AWAY_MS = 5_000;
/** An org that the control plane does not answer for is asked for again after this long, in ms. */
const UNKNOWN_FRESH_MS = 5_000;
/** Orgs whose rules are remembered; those asked for longest ago are forgotten first. */
const MAX_ORGS = 50_000;

interface Known {
  rules: OrgSpendRules | null;
  /** What they were asked with: another grant may be accepted where this one was not. */
  grant: string;
  at: number;
  /** Until then nobody waits for others. */
  goodUntil: number;
}

export interface OrgRulesOptions {
  /**
   * How long rules go on to hold while the control plane is away, in ms (`KARTA_STALE_AUTH`). Like a
   * key that was good: it is known what they were, and an org without a cap must not stop for an
   * outage.
   */
  staleMs: number;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

/** What is known of how orgs' calls are served. Held in memory only. */
export class OrgRules {
  readonly #control: Pick<DoorsControl, 'rules'>;
  readonly #staleMs: number;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<OrgSpendRules | null>>();

  constructor(
    control: Pick<DoorsControl, 'rules'>,
    { staleMs, now = () => performance.now() }: OrgRulesOptions,
  ) {
    this.#control = control;
    this.#staleMs = staleMs;
    this.#now = now;
  }

  /**
   * The rules of an org; `null` where the control plane accepts no such grant. Throws
   * `KartaError('control_unavailable')` when they are not known and nobody can be asked.
   */
  async of(orgId: string, grant: string): Promise<OrgSpendRules | null> {
    const known = this.#known.get(orgId);
    if (known === undefined) return this.#ask(orgId, grant);
    const { rules } = known;
    const [now, age] = [this.#now(), this.#now() - known.at];
    if (rules === null) {
      const same = known.grant === grant && age < UNKNOWN_FRESH_MS;
      return same ? null : this.#ask(orgId, grant);
    }
    if (now < known.goodUntil) {
      // Nobody waits for it: who needs the answer asks by himself, and hears why there is none.
      if (age >= FRESH_MS / 2) this.#ask(orgId, grant).catch(() => {});
      return rules;
    }
    try {
      return await this.#ask(orgId, grant);
    } catch (error) {
      const away = KartaError.is(error) && error.code === 'control_unavailable';
      if (!away || age >= this.#staleMs) throw error;
      known.goodUntil = this.#now() + Math.min(AWAY_MS, this.#staleMs - age);
      return rules;
    }
  }

  /** These orgs are asked for anew, whatever is being asked now. */
  forget(orgIds: readonly string[]): void {
    for (const orgId of orgIds) this.#known.delete(orgId);
    this.#asked.clear();
  }

  #ask(orgId: string, grant: string): Promise<OrgSpendRules | null> {
    const question = JSON.stringify([orgId, grant]);
    const running = this.#asked.get(question);
    if (running !== undefined) return running;
    const asking = this.#control.rules(orgId, grant).then((rules) => {
      // An answer to a question from before it was forgotten is not kept.
      if (this.#asked.get(question) === asking) this.#keep(orgId, { rules, grant });
      return rules;
    });
    this.#asked.set(question, asking);
    const over = () => {
      if (this.#asked.get(question) === asking) this.#asked.delete(question);
    };
    asking.then(over, over);
    return asking;
  }

  #keep(orgId: string, known: Pick<Known, 'rules' | 'grant'>): void {
    const at = this.#now();
    this.#known.delete(orgId);
    this.#known.set(orgId, { ...known, at, goodUntil: at + FRESH_MS });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_ORGS && oldest !== undefined) this.#known.delete(oldest);
  }
}
