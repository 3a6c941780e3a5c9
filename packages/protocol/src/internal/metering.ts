import { z } from 'zod';

/**
 * What the doors and the control plane say to each other, on `/v1/internal/doors/*` of the control
 * plane's internal port: prices, provider keys, leases. The doors sign with a key of their own, so
 * that a data plane's key opens none of it; what concerns an org needs that org's grant besides.
 * Amounts are integers as decimal strings: tokens, or picodollars for `cost`.
 */

const amount = z.string().regex(/^(0|[1-9]\d{0,29})$/, 'must be a whole number, as a string');
const moment = z.iso.datetime({ offset: true });

/** What a cap counts. */
export const budgetMetric = z.enum(['input_tokens', 'output_tokens', 'total_tokens', 'cost']);
export type BudgetMetric = z.infer<typeof budgetMetric>;

/** What a cap is on. */
export const budgetScope = z.enum([
  'org',
  'project',
  'api_key',
  'end_user',
  'session',
  'embed_key',
]);
export type BudgetScope = z.infer<typeof budgetScope>;

/** How long a cap counts before it begins again at nothing. Days and months are those of UTC. */
export const budgetWindow = z.enum(['day', 'month', 'total']);
export type BudgetWindow = z.infer<typeof budgetWindow>;

/** Whom a model call is for: every cap on one of these covers it. */
export const spendSubject = z.strictObject({
  org_id: z.string(),
  project_id: z.string(),
  session_id: z.string(),
  /** The API key that was used, or that minted the token that was used. */
  api_key_id: z.string().nullable(),
  /** The embed key that minted the token. */
  embed_key_id: z.string().nullable(),
  end_user: z.string().nullable(),
});
export type SpendSubject = z.infer<typeof spendSubject>;

/** An amount of each metric. */
export const spendAmounts = z.strictObject({
  input_tokens: amount,
  output_tokens: amount,
  cost: amount,
});
export type SpendAmounts = z.infer<typeof spendAmounts>;

/** `POST control:/v1/internal/doors/org`, with the org's grant: how its calls are served. */
export const orgSpendRulesBody = z.strictObject({ org_id: z.string() });
export const orgSpendRules = z.strictObject({
  /** Whether any cap of the org exists: without one nothing is reserved. */
  capped: z.boolean(),
  /** A model without a price: refused where a cost cap rules, or only its tokens counted. */
  unknown_model: z.enum(['refuse', 'count']),
  /** Providers for which the org has an active key of its own, in the order of its preference. */
  own_keys: z.array(z.string()),
  /** Whether a call is made with the platform's key when the org's own is refused. */
  platform_fallback: z.boolean(),
  /** Of the price book in force: another one than the doors hold makes them ask for it. */
  price_version: z.string(),
});
export type OrgSpendRules = z.infer<typeof orgSpendRules>;

/** `POST control:/v1/internal/doors/provider-keys`, with the org's grant. 404: it has none. */
export const providerKeyBody = z.strictObject({ org_id: z.string(), provider: z.string() });
export const providerKeyAnswer = z.strictObject({
  /** `pkey_…`, safe to log. */
  id: z.string(),
  provider: z.string(),
  /** The parts of the key, as its provider's schema names them. Never logged, never on disk. */
  secret: z.record(z.string(), z.string()),
});
export type ProviderKeyAnswer = z.infer<typeof providerKeyAnswer>;

/** `POST data:/v1/internal/doors/test-key`, with the org's grant: does the provider take its key? */
export const testOrgKeyBody = z.strictObject({ org_id: z.string(), provider: z.string() });

/** `POST /keys/test` on the doors' management socket. 404: the org has none. */
export const testKeyBody = z.strictObject({ ...testOrgKeyBody.shape, org_grant: z.string() });
export type TestKeyBody = z.infer<typeof testKeyBody>;

/**
 * `POST control:/v1/internal/doors/leases`, with the org's grant: what the node may spend for this
 * subject by itself. `minimum` is what one call lacks at the least beside what is at hand, `wanted`
 * what it asks for. With both at 0 nothing is leased: the answer only tells the caps and what is left.
 */
export const leaseBody = z.strictObject({
  /** Counts the starts of this node's doors: a lower one than the last is refused (409). */
  epoch: z.int().positive(),
  subject: spendSubject,
  minimum: spendAmounts,
  wanted: spendAmounts,
  /**
   * What the call takes in all at the least: a cap with less than this unspent refuses it, whoever
   * holds the rest. Absent: `minimum`.
   */
  needed: spendAmounts.optional(),
});
export type LeaseBody = z.infer<typeof leaseBody>;

/** One cap that covers the subject, in its window now. */
export const leasedBudget = z.strictObject({
  budget_id: z.string(),
  scope: budgetScope,
  /** The very object that is counted: the end user's id where the cap is on each end user. */
  scope_id: z.string(),
  metric: budgetMetric,
  window: budgetWindow,
  window_start: moment,
  /** `null`: never. */
  window_end: moment.nullable(),
  limit: amount,
  /** Spent and not leased to anybody: what is left to lease after this answer. */
  left: amount,
  /** A block of this cap for this node; `null` when nothing is left that covers the minimum. */
  lease: z.strictObject({ lease_id: z.string(), amount, expires_at: moment }).nullable(),
});
export type LeasedBudget = z.infer<typeof leasedBudget>;

export const leaseAnswer = z.strictObject({
  /** The control plane's clock, against which the doors hold their own. */
  now: moment,
  budgets: z.array(leasedBudget),
});
export type LeaseAnswer = z.infer<typeof leaseAnswer>;

/**
 * `POST control:/v1/internal/doors/leases/report`: what was taken from leases. Needs no grant: it
 * can only name leases of this node. Sent often while they are open, when they are closed, and once
 * more when the calls that were open at their closing are settled: `taken` of a closed lease only
 * falls, so of several reports the one that returns most counts, in whatever order they arrive.
 */
export const leaseReportBody = z.strictObject({
  epoch: z.int().positive(),
  /**
   * All that was taken from leases of earlier epochs has been told: one that no report has named
   * took nothing, and returns whole.
   */
  earlier_told: z.boolean().default(false),
  /**
   * These are all the leases that this start of the node has: another one of its epoch, whose time
   * was over when this was sent, it has never heard of or has done with. Its rest returns.
   */
  complete: z.boolean().default(false),
  leases: z
    .array(
      z.strictObject({
        lease_id: z.string(),
        /** Settled calls at what they cost and open calls at their reservation, since it began. */
        taken: amount,
        /** Nothing more will be taken: the rest of the block returns. */
        closed: z.boolean(),
      }),
    )
    .max(10_000),
});
export type LeaseReportBody = z.input<typeof leaseReportBody>;
export const leaseReportAnswer = z.strictObject({
  /** Leases that the control plane does not know, or that are not of this node and epoch. */
  unknown: z.array(z.string()),
  /** Leases that go on, with their new end. */
  renewed: z.array(z.strictObject({ lease_id: z.string(), expires_at: moment })),
});
export type LeaseReportAnswer = z.infer<typeof leaseReportAnswer>;

/**
 * `POST control:/v1/internal/doors/register`: the doors have started, as this epoch of their node,
 * by which everything that they ask from now on is marked. The node counts its starts by itself, so
 * that one that arrives late, or twice, changes nothing. Leases of earlier epochs take nothing new;
 * what was taken from them is reported under the new epoch once the journal has been read.
 */
export const registerDoorsBody = z.strictObject({ epoch: z.int().positive() });
/** The highest that was ever registered: another than one's own is that of a later start. */
export const registerDoorsAnswer = z.strictObject({ epoch: z.int().positive() });

/** What a settled call took from a lease: told with its usage event, so that both count once. */
export const spendCharge = z.strictObject({
  lease_id: z.string(),
  budget_id: z.string(),
  window_start: moment,
  amount,
});
export type SpendCharge = z.infer<typeof spendCharge>;

/** `POST data:/v1/internal/doors/invalidate`: forget at once what is known of these orgs. */
export const invalidateOrgsBody = z.strictObject({ org_ids: z.array(z.string()).max(10_000) });

/** `POST /spend/check` on the doors' management socket: may a turn begin? */
export const spendCheckBody = z.strictObject({
  subject: spendSubject,
  org_grant: z.string().nullable(),
});
export const spendCheckAnswer = z.discriminatedUnion('allowed', [
  /** `capped: false`: nobody needs to ask again for this org within `valid_ms`. */
  z.strictObject({
    allowed: z.literal(true),
    capped: z.boolean(),
    valid_ms: z.int().nonnegative(),
  }),
  z.strictObject({
    allowed: z.literal(false),
    /** The tightest cap. */
    budget: leasedBudget.omit({ lease: true }),
  }),
]);
export type SpendCheckAnswer = z.infer<typeof spendCheckAnswer>;

/** What a model call cost, beside its tokens. */
export const callCost = z.strictObject({
  /** Picodollars; `null` where the model has no price. */
  cost: amount.nullable(),
  /** Of the price book that the cost is by. */
  price_version: z.string().nullable(),
  /** The org's own key that paid, `pkey_…`; `null`: the platform's. */
  own_key_id: z.string().nullable(),
  charges: z.array(spendCharge).max(100),
  /** Of the tokens that a cache stored, those that it stored for an hour: they have their own price. */
  cache_write_1h_tokens: z.int().nonnegative().default(0),
  /** Of the output, what was reasoning, as far as the provider told. */
  reasoning_tokens: z.int().nonnegative().default(0),
  /** The provider counted more than the limits it was sent: booked in full, past a cap perhaps. */
  exceeded: z.boolean().default(false),
});
export type CallCost = z.infer<typeof callCost>;

/** A call that nobody has put a price on. */
export const UNPRICED: CallCost = Object.freeze({
  cost: null,
  price_version: null,
  own_key_id: null,
  charges: [],
  cache_write_1h_tokens: 0,
  reasoning_tokens: 0,
  exceeded: false,
});
