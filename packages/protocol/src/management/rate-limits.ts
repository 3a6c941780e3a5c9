import { z } from 'zod';
import { cleanText } from '../text.ts';

/** What a rate limit is on. */
export const rateLimitScope = z.enum(['org', 'project', 'api_key', 'embed_key', 'end_user']);
export type RateLimitScope = z.infer<typeof rateLimitScope>;

/** The largest figures that a limit takes. */
export const RATE_LIMIT_MOST = {
  requests_per_minute: 1_000_000,
  tokens_per_minute: 1_000_000_000,
  concurrent_turns: 100_000,
} as const;

/** What a rate limit counts. */
export type RateFigure = keyof typeof RATE_LIMIT_MOST;
export const RATE_FIGURES = Object.keys(RATE_LIMIT_MOST) as readonly RateFigure[];

function figure(most: number) {
  return z
    .int('must be a whole number')
    .min(1, 'must be at least 1; revoke a key to stop it altogether')
    .max(most, `must be at most ${most}`)
    .nullable();
}

/** The figures of a limit; `null`: it says nothing of this one. */
export const rateFigures = z.strictObject({
  /** Requests of any kind to the data plane. */
  requests_per_minute: figure(RATE_LIMIT_MOST.requests_per_minute),
  /** Input and output tokens of model calls, as the doors have booked them. */
  tokens_per_minute: figure(RATE_LIMIT_MOST.tokens_per_minute),
  /** Turns that run at the same time. */
  concurrent_turns: figure(RATE_LIMIT_MOST.concurrent_turns),
});
export type RateFigures = z.infer<typeof rateFigures>;

const NO_FIGURE = `must have at least one of ${RATE_FIGURES.join(', ')}`;

/** Whether a limit limits anything. */
export function limitsAnything(figures: Partial<RateFigures>): boolean {
  return RATE_FIGURES.some((name) => (figures[name] ?? null) !== null);
}

const givenFigures = {
  requests_per_minute: rateFigures.shape.requests_per_minute.default(null),
  tokens_per_minute: rateFigures.shape.tokens_per_minute.default(null),
  concurrent_turns: rateFigures.shape.concurrent_turns.default(null),
};

/** `POST /v1/rate_limits` */
export const createRateLimitBody = z
  .strictObject({
    scope: rateLimitScope,
    /**
     * The one object that the limit is on: a project's ref, the id of a key, an end user. Left out or
     * `null`: each of them by itself. Never with the scope `org`.
     */
    scope_id: cleanText.min(1).max(128).nullable().default(null),
    ...givenFigures,
  })
  .superRefine((body, context) => {
    if (body.scope === 'org' && body.scope_id !== null) {
      const message = 'must be left out: the limit is on this org';
      context.addIssue({ code: 'custom', path: ['scope_id'], message });
    }
  })
  .refine(limitsAnything, NO_FIGURE);
export type CreateRateLimitBody = z.input<typeof createRateLimitBody>;

/** `POST /v1/rate_limits` of the admin plane: on each object of the scope, in one org or in every. */
export const createOperatorRateLimitBody = z
  .strictObject({
    /** Left out or `null`: in every org. */
    org_id: z.string().nullable().default(null),
    scope: rateLimitScope,
    ...givenFigures,
  })
  .refine(limitsAnything, NO_FIGURE);
export type CreateOperatorRateLimitBody = z.input<typeof createOperatorRateLimitBody>;

/** `PATCH /v1/rate_limits/{rate_limit_id}`: what is left out stays, `null` takes a figure away. */
export const patchRateLimitBody = rateFigures.partial();
export type PatchRateLimitBody = z.input<typeof patchRateLimitBody>;

/** A rate limit. */
export const rateLimit = z.strictObject({
  id: z.string(),
  /** `operator`: whoever runs the server has set it, and it rules beside the org's own. */
  set_by: z.enum(['org', 'operator']),
  scope: rateLimitScope,
  /** `null`: each object of that kind by itself. */
  scope_id: z.string().nullable(),
  ...rateFigures.shape,
  created_by: z.string(),
  created_at: z.string(),
  updated_at: z.string(),
});
export type RateLimitView = z.infer<typeof rateLimit>;

/** `GET /v1/rate_limits`: those that rule in the org, whoever has set them, newest first. */
export const rateLimitList = z.strictObject({
  rate_limits: z.array(rateLimit),
  next_cursor: z.null(),
});

/** A limit as the admin plane shows it. */
export const operatorRateLimit = z.strictObject({
  ...rateLimit.omit({ set_by: true, scope_id: true }).shape,
  /** `null`: in every org. */
  org_id: z.string().nullable(),
});
export type OperatorRateLimit = z.infer<typeof operatorRateLimit>;

/** `GET /v1/rate_limits` of the admin plane. */
export const operatorRateLimitList = z.strictObject({
  rate_limits: z.array(operatorRateLimit),
  next_cursor: z.null(),
});

/** A limit as the nodes know it. */
export const rateLimitRule = z.strictObject({
  id: z.string(),
  set_by: rateLimit.shape.set_by,
  scope: rateLimitScope,
  scope_id: z.string().nullable(),
  ...rateFigures.shape,
});
export type RateLimitRule = z.infer<typeof rateLimitRule>;

/** All limits of one org, or those that rule in every org (`null`). */
export const orgRateLimits = z.strictObject({
  org_id: z.string().nullable(),
  limits: z.array(rateLimitRule),
});
export type OrgRateLimits = z.infer<typeof orgRateLimits>;
