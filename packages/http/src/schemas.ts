import { z } from 'zod';

/** The answer of `/healthz` and `/readyz`. */
export const health = z.object({ status: z.literal('ok') });

/** Every error answer (`application/problem+json`). */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  error: z.string(),
  suggestion: z.string(),
  request_id: z.string(),
  errors: z
    .array(
      z.object({
        pointer: z.string(),
        message: z.string(),
        parameter: z.string().optional(),
      }),
    )
    .optional(),
});
