import { KartaError, type OrgSpendRules, priceOf, type SpendSubject } from '@karta/protocol';
import type { Logger } from 'pino';
import type { OrgLink } from '../control/org-link.ts';
import type { PriceSource } from '../prices/price-source.ts';
import { type BoundCall, boundCall } from '../wire/bound-call.ts';
import type { Route } from '../wire/routes.ts';
import type { ToldCap } from './cap.ts';
import { CountedPrompts } from './counted-prompts.ts';
import type { LeaseBook, Refused } from './lease-book.ts';
import { COUNT_FROM_TOKENS } from './limits.ts';
import type { BudgetMetrics } from './metrics.ts';
import { PricedCall, type PriceOfCall } from './priced-call.ts';

/** A call that asks to be sent. */
export interface CallToAdmit {
  route: Route;
  body: Buffer;
  model: string;
  /** The upstream that it will go to. */
  provider: string;
  /** The org's own key that pays, `pkey_…`; `null`: the platform's. */
  ownKeyId: string | null;
  /** Whom it is for; `null` for a test session, which no cap counts. */
  subject: SpendSubject | null;
  /** Proof that a credential of the org was met. */
  grant: string | null;
  /** Asks the provider what its input counts; `null` where it does not say. */
  countInput: () => Promise<number | null>;
  /** Whoever waits has gone away. */
  signal: AbortSignal;
}

/** Whether a call may be sent, and as what. */
export type Admission =
  | { admitted: PricedCall; body: Buffer }
  /** A cap does not cover it. The message is for people. */
  | { refusal: 'budget_exhausted'; message: string }
  /** Nobody can say what it may spend. */
  | { refusal: 'control_unavailable'; message: string }
  /** It asks for what cannot be bounded. */
  | { refusal: 'invalid_request'; message: string };

export interface AdmissionParts {
  /** `null` where no control plane is configured: no caps. */
  orgs: { link: OrgLink; book: LeaseBook } | null;
  prices: Pick<PriceSource, 'latest' | 'inForce'>;
  metrics: BudgetMetrics;
  log: Pick<Logger, 'warn'>;
}

const UNAVAILABLE = {
  refusal: 'control_unavailable',
  message: 'What this org may spend is not known at the moment. Try again shortly.',
} as const;

/** Who can mend it: the operator, or the org. */
const UNPRICED =
  'The operator can give it one (karta operator prices), or the org have such models count by tokens alone (karta budgets unpriced count).';

/** Decides on money before a call is sent: its price, and what it takes of the caps that rule it. */
export class CallAdmission {
  readonly #parts: AdmissionParts;
  readonly #prompts = new CountedPrompts();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Takes from every cap that covers the call all that it can cost. Never throws for the call. */
  async admit(call: CallToAdmit): Promise<Admission> {
    const rules =
      this.#parts.orgs === null || call.subject === null ? null : await this.#rules(call);
    if (rules === 'unknown') return this.#refused(UNAVAILABLE);
    const { prices } = this.#parts;
    const book = rules === null ? prices.latest : await prices.inForce(rules.price_version);
    const price = priceOf(book, call.provider, call.model, Date.now());
    const priced = { price, version: book.version, ownKeyId: call.ownKeyId };
    const { subject, grant, signal } = call;
    if (this.#parts.orgs === null || subject === null) {
      return { admitted: new PricedCall(priced, null), body: call.body };
    }
    if (rules?.capped !== true) return this.#uncapped(call, subject, priced);
    const bytes = boundCall(call.route, call.body);
    if ('problem' in bytes) {
      return this.#refused({ refusal: 'invalid_request', message: bytes.problem });
    }
    const begun = performance.now();
    const { book: leases } = this.#parts.orgs;
    let bound = this.#closer(bytes, subject.org_id, call.provider);
    if (bound.rest >= COUNT_FROM_TOKENS && !leases.hasRoom(subject, { ...bound, price })) {
      await this.#count(bound, subject.org_id, call);
      bound = this.#closer(bytes, subject.org_id, call.provider);
    }
    const reserved = await leases.reserve(
      { subject, grant, unpriced: rules.unknown_model, signal },
      { ...bound, price },
    );
    this.#parts.metrics.decision.observe((performance.now() - begun) / 1_000);
    if ('refused' in reserved) return this.#refused(tell(reserved, call.model));
    if (!reserved.ruled) return this.#uncapped(call, subject, priced);
    this.#parts.metrics.reservations.inc();
    const output = reserved.limitsOutput ? reserved.output : null;
    const limits = { input: bound.input, output: reserved.output };
    return {
      admitted: new PricedCall(priced, { reservation: reserved, limits }, (tokens) => {
        const told = { tokens, bounded: bound.input };
        this.#prompts.counted(subject.org_id, call.provider, bound.beginnings, told);
      }),
      body: bound.bodyWithin(output),
    };
  }

  /** The bound of a call, with what was counted of its prompt before. */
  #closer(bytes: BoundCall, org: string, provider: string): BoundCall & { rest: number } {
    const known = this.#prompts.bound(org, provider, bytes.beginnings);
    if (known === null || known.tokens >= bytes.input) return { ...bytes, rest: bytes.input };
    return { ...bytes, input: known.tokens, rest: known.rest };
  }

  /** Has the provider count a call that would be refused by its bytes, though it may fit. */
  async #count(
    { input, beginnings }: BoundCall,
    org: string,
    { provider, countInput }: CallToAdmit,
  ): Promise<void> {
    if (beginnings.length === 0) return;
    const tokens = await countInput();
    if (tokens === null || tokens > input) return;
    this.#prompts.counted(org, provider, beginnings, { tokens, bounded: input });
  }

  /** Learns from a call now and then what its prompt counts, for the day that a cap rules it. */
  #uncapped(
    { route, body, provider, model }: CallToAdmit,
    { org_id }: SpendSubject,
    priced: PriceOfCall,
  ): Admission {
    if (!this.#prompts.wants(org_id, model, body.length)) {
      return { admitted: new PricedCall(priced, null), body };
    }
    const learn = (tokens: number) => {
      const bound = boundCall(route, body);
      if ('problem' in bound) return;
      const told = { tokens, bounded: bound.input };
      this.#prompts.counted(org_id, provider, bound.beginnings, told);
    };
    return { admitted: new PricedCall(priced, null, learn), body };
  }

  async #rules({ subject, grant }: CallToAdmit): Promise<OrgSpendRules | null | 'unknown'> {
    if (this.#parts.orgs === null || subject === null) return null;
    if (grant === null) return 'unknown';
    try {
      return (await this.#parts.orgs.link.rules.of(subject.org_id, grant)) ?? 'unknown';
    } catch (error) {
      if (!KartaError.is(error)) throw error;
      this.#parts.log.warn(
        { err: error, org: subject.org_id },
        'the rules of an org are not known',
      );
      return 'unknown';
    }
  }

  #refused<Refusal extends Exclude<Admission, { admitted: PricedCall }>>(
    refusal: Refusal,
  ): Refusal {
    this.#parts.metrics.refusals.inc({ reason: refusal.refusal });
    return refusal;
  }
}

function tell(refused: Refused, model: string) {
  switch (refused.refused) {
    case 'unavailable':
      return UNAVAILABLE;
    case 'unpriced':
      return {
        refusal: 'budget_exhausted' as const,
        message: `${nameOf(refused.cap)} cannot be held for the model "${model}", which has no price. ${UNPRICED}`,
      };
    case 'exhausted':
      return {
        refusal: 'budget_exhausted' as const,
        message: `${nameOf(refused.cap)} does not cover the next model call${resetOf(refused.cap)}.`,
      };
  }
}

/** A cap in words, as `The day's cap on cost of the session (bud_1)`. */
function nameOf({ budget_id, scope, metric, window }: ToldCap): string {
  const of = window === 'total' ? 'The cap' : `The ${window}'s cap`;
  return `${of} on ${metric.replace('_', ' ')} of the ${scope.replace('_', ' ')} (${budget_id})`;
}

function resetOf({ window_end }: ToldCap): string {
  return window_end === null ? '' : `; it resets at ${window_end}`;
}
