import { KartaError, type SpendCheckAnswer, type SpendSubject } from '@karta/protocol';
import type { OrgLink } from '../control/org-link.ts';
import type { LeaseBook } from './lease-book.ts';
import { UNCAPPED_MS } from './limits.ts';
import type { BudgetMetrics } from './metrics.ts';

/** Whether turns may begin, before anything of them runs. */
export class TurnCheck {
  readonly #orgs: { link: OrgLink; book: LeaseBook } | null;
  readonly #metrics: BudgetMetrics;

  /** `orgs` is `null` where no control plane is configured: nobody has a cap. */
  constructor(orgs: { link: OrgLink; book: LeaseBook } | null, metrics: BudgetMetrics) {
    this.#orgs = orgs;
    this.#metrics = metrics;
  }

  /**
   * Whether a turn of the subject may begin. Throws `KartaError('control_unavailable')` when nobody
   * can say: what cannot be held must not begin.
   */
  async check(subject: SpendSubject, grant: string | null): Promise<SpendCheckAnswer> {
    if (this.#orgs === null) return { allowed: true, capped: false, valid_ms: UNCAPPED_MS };
    const { link, book } = this.#orgs;
    const rules = grant === null ? null : await link.rules.of(subject.org_id, grant);
    if (rules === null) throw unknown();
    if (!rules.capped) return { allowed: true, capped: false, valid_ms: UNCAPPED_MS };
    const refused = await book.check({ subject, grant });
    if (refused === null) return { allowed: true, capped: true, valid_ms: 0 };
    if (refused.refused === 'unavailable') throw unknown();
    this.#metrics.refusals.inc({ reason: 'budget_exhausted' });
    return { allowed: false, budget: refused.cap };
  }
}

function unknown(): KartaError {
  const detail = 'What this org may spend is not known at the moment.';
  return new KartaError('control_unavailable', detail, { retryAfter: 1 });
}
