import { z } from 'zod';
import { isId } from '../ids.ts';
import {
  type BudgetMetric,
  budgetMetric,
  budgetScope,
  budgetWindow,
} from '../internal/metering.ts';
import { moneyToWire, moneyWire } from '../money.ts';
import { cleanText } from '../text.ts';

/** Digits of a limit. */
const MAX_DIGITS = 30;

/** A share of a limit, in percent, that an org is told of once in a window. */
export const BUDGET_THRESHOLDS = [50, 80, 100] as const;

/** Tokens as a decimal string; money for `cost`. */
export const budgetAmount = z.union([z.string(), moneyWire]);
export type BudgetAmount = z.infer<typeof budgetAmount>;

const NO_WHOLE_NUMBER = 'must be a whole number; send larger ones as a string';
const NO_LIMIT = 'must be a number of tokens or, for cost, {"amount": "…", "unit": "picousd"}';

/** A limit as somebody sends it: whole tokens as a number or a decimal string, or money. */
const limitInput = z.union(
  [
    z
      .int({ error: ({ input }) => (typeof input === 'number' ? NO_WHOLE_NUMBER : NO_LIMIT) })
      .nonnegative('must not be negative'),
    z.string().regex(/^(0|[1-9]\d*)$/, 'must be a whole number that is not negative'),
    moneyWire,
  ],
  NO_LIMIT,
);

type LimitInput = z.infer<typeof limitInput>;

/** What is wrong with a limit for this metric; `null` when nothing is. */
function limitProblem(metric: BudgetMetric, limit: LimitInput): string | null {
  const isMoney = typeof limit === 'object';
  if (metric === 'cost' && !isMoney) {
    return 'must be money for cost: {"amount": "5000000000000", "unit": "picousd"} is $5';
  }
  if (metric !== 'cost' && isMoney) return `must be a number of tokens for ${metric}`;
  const digits = isMoney ? limit.amount : String(limit);
  if (isMoney && digits.startsWith('-')) return 'must not be negative';
  if (digits.length > MAX_DIGITS) return `must have at most ${MAX_DIGITS} digits`;
  return null;
}

/** The integer of a limit that {@link createBudgetBody} or {@link limitFor} let through. */
export function limitOf(limit: LimitInput): bigint {
  return BigInt(typeof limit === 'object' ? limit.amount : limit);
}

/** An amount of `metric` as it is sent. */
export function budgetAmountOf(metric: BudgetMetric, amount: bigint): BudgetAmount {
  return metric === 'cost' ? moneyToWire(amount) : amount.toString();
}

/** A new limit for a budget of this metric, whose refusals say what is expected. */
export function limitFor(metric: BudgetMetric): z.ZodType<LimitInput, LimitInput> {
  return limitInput.superRefine((limit, context) => {
    const problem = limitProblem(metric, limit);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
}

/** `POST /v1/budgets` */
export const createBudgetBody = z
  .strictObject({
    scope: budgetScope,
    /**
     * The one object that the cap is on: a project's ref, the id of a key or session, an end user.
     * Left out or `null`: each of them by itself. Never with the scope `org`.
     */
    scope_id: cleanText.min(1).max(128).nullable().default(null),
    metric: budgetMetric,
    limit: limitInput,
    window: budgetWindow,
  })
  .superRefine((body, context) => {
    const wrong = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message });
    const problem = limitProblem(body.metric, body.limit);
    if (problem !== null) wrong('limit', problem);
    if (body.scope_id === null) return;
    if (body.scope === 'org') wrong('scope_id', 'must be left out: the cap is on this org');
    if (body.scope === 'session' && !isId('session', body.scope_id)) {
      wrong('scope_id', 'must be the id of a session, sess_…');
    }
  });
export type CreateBudgetBody = z.input<typeof createBudgetBody>;

/** `PATCH /v1/budgets/{budget_id}`. What a cap is on does not change: make another. */
export const patchBudgetBody = z.strictObject({ limit: limitInput });
export type PatchBudgetBody = z.infer<typeof patchBudgetBody>;

/** What was used of a cap in its window now. */
export const budgetUse = z.strictObject({
  /** The object that is counted. */
  scope_id: z.string(),
  window_start: z.string().nullable(),
  /** When it begins again at nothing; `null`: never. */
  resets_at: z.string().nullable(),
  /** Booked calls. Follows a call by about a second. */
  spent: budgetAmount,
  /** Held by the nodes for calls that run, that have just ended, or that come next. */
  reserved: budgetAmount,
  /** Neither spent nor reserved. */
  left: budgetAmount,
  /** The {@link BUDGET_THRESHOLDS} that were reached, in percent. */
  thresholds: z.array(z.int()),
});
export type BudgetUse = z.infer<typeof budgetUse>;

/** A cap. */
export const budget = z.strictObject({
  id: z.string(),
  scope: budgetScope,
  /** `null`: each object of that kind by itself. */
  scope_id: z.string().nullable(),
  metric: budgetMetric,
  limit: budgetAmount,
  window: budgetWindow,
  /** `null` for a cap on each object: `GET …/usage` tells of them. */
  usage: budgetUse.nullable(),
  created_by: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});
export type BudgetView = z.infer<typeof budget>;

/** `GET /v1/budgets`, newest first. */
export const budgetList = z.strictObject({
  budgets: z.array(budget),
  next_cursor: z.string().nullable(),
});

/** Query of `GET /v1/budgets/{budget_id}/usage`. */
export const budgetUseQuery = z.strictObject({
  /** Of this object alone. */
  scope_id: z.string().max(128).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});
export type BudgetUseQuery = z.input<typeof budgetUseQuery>;

/** `GET /v1/budgets/{budget_id}/usage`: who used most of it in the window now, at most a page. */
export const budgetUseList = z.strictObject({ usage: z.array(budgetUse) });
export type BudgetUseList = z.infer<typeof budgetUseList>;

/** `GET|PATCH /v1/spend_settings` */
export const spendSettings = z.strictObject({
  /**
   * A model that has no price: refused where a cap on cost rules, or its tokens counted and its cost
   * taken for nothing.
   */
  unknown_model: z.enum(['refuse', 'count']),
});
export type SpendSettings = z.infer<typeof spendSettings>;

/** Of an embed key that is created with a cap of its own. */
export const embedKeyBudget = z
  .strictObject({
    metric: budgetMetric.default('cost'),
    limit: limitInput,
    window: budgetWindow.default('month'),
  })
  .superRefine(({ metric, limit }, context) => {
    const problem = limitProblem(metric, limit);
    if (problem !== null) context.addIssue({ code: 'custom', path: ['limit'], message: problem });
  });
