import { KartaError, type OrgSpendRules } from '@karta/protocol';
import type { DoorsControl } from './port.ts';

/** Rules are asked for again after this long, in ms, where no push came before. */
const FRESH_MS = 60_000;
/** An org that the control plane does not answer for is asked for again after this long, in ms. */
const UNKNOWN_FRESH_MS = 5_000;
/**
 * How long rules go on to hold while the control plane is away, in ms. Like a key that was good: it
 * is known what they were, and an org without a cap must not stop for an outage.
 */
const STALE_MS = 5 * 60_000;
/** Orgs whose rules are remembered; those asked for longest ago are forgotten first. */
const MAX_ORGS = 50_000;

interface Known {
  rules: OrgSpendRules | null;
  /** What they were asked with: another grant may be accepted where this one was not. */
  grant: string;
  at: number;
}

/** What is known of how orgs' calls are served. Held in memory only. */
export class OrgRules {
  readonly #control: Pick<DoorsControl, 'rules'>;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<OrgSpendRules | null>>();

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(control: Pick<DoorsControl, 'rules'>, now: () => number = () => performance.now()) {
    this.#control = control;
    this.#now = now;
  }

  /**
   * The rules of an org; `null` where the control plane accepts no such grant. Throws
   * `KartaError('control_unavailable')` when they are not known and nobody can be asked.
   */
  async of(orgId: string, grant: string): Promise<OrgSpendRules | null> {
    const known = this.#known.get(orgId);
    const age = known === undefined ? Number.POSITIVE_INFINITY : this.#now() - known.at;
    if (known !== undefined && known.rules !== null && age < FRESH_MS) return known.rules;
    if (known?.rules === null && known.grant === grant && age < UNKNOWN_FRESH_MS) return null;
    try {
      return await this.#ask(orgId, grant);
    } catch (error) {
      const away = KartaError.is(error) && error.code === 'control_unavailable';
      if (away && known !== undefined && known.rules !== null && age < STALE_MS) return known.rules;
      throw error;
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
      if (this.#asked.get(question) === asking)
        this.#keep(orgId, { rules, grant, at: this.#now() });
      return rules;
    });
    this.#asked.set(question, asking);
    const over = () => {
      if (this.#asked.get(question) === asking) this.#asked.delete(question);
    };
    asking.then(over, over);
    return asking;
  }

  #keep(orgId: string, known: Known): void {
    this.#known.delete(orgId);
    this.#known.set(orgId, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_ORGS && oldest !== undefined) this.#known.delete(oldest);
  }
}
