import { z } from 'zod';
import { moneyWire } from '../money.ts';

/** What rows of usage may be told apart by. Days are of UTC. */
export const usageGroup = z.enum([
  'day',
  'model',
  'provider',
  'project',
  'key',
  'end_user',
  'mode',
  'paid_by',
]);
export type UsageGroup = z.infer<typeof usageGroup>;

const groups = z
  .string()
  .transform((list) => list.split(',').map((name) => name.trim()))
  .pipe(z.array(usageGroup).min(1))
  .refine((list) => new Set(list).size === list.length, { message: 'must name each group once' });

/** Query of `GET /v1/usage`: whole days of UTC, `from` and `to` included. */
export const usageQuery = z.strictObject({
  /** Left out: 29 days before `to`. */
  from: z.iso.date().optional(),
  /** Left out: today. */
  to: z.iso.date().optional(),
  /** Names by commas; `day` when left out. */
  group_by: groups.optional(),
  /** Only what was spent in this project, by ref or id. */
  project: z.string().min(1).max(128).optional(),
  /** Left out: both. */
  mode: z.enum(['live', 'test']).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).optional(),
  cursor: z.string().max(4_096).optional(),
});
export type UsageQuery = z.infer<typeof usageQuery>;

const count = z.int().nonnegative();

/** Sums over everything that has the same values in the groups asked for. */
export const usageRow = z.strictObject({
  day: z.iso.date().optional(),
  model: z.string().optional(),
  provider: z.string().optional(),
  project_id: z.string().optional(),
  /** The credential that the turns were sent with; `null` when none is known. */
  key: z.string().nullable().optional(),
  end_user: z.string().nullable().optional(),
  mode: z.enum(['live', 'test']).optional(),
  paid_by: z.enum(['platform', 'byok']).optional(),
  /** Model calls. */
  calls: count,
  /** Calls whose provider never told a count, counted by the platform. */
  estimated_calls: count,
  input_tokens: count,
  cache_read_tokens: count,
  cache_write_tokens: count,
  output_tokens: count,
  total_tokens: count,
  /** What the calls with a price cost, whoever paid. */
  cost: moneyWire,
  /** Calls of models that the price book does not have: their tokens count, their cost does not. */
  unpriced_calls: count,
});
export type UsageRow = z.infer<typeof usageRow>;

/** Answer of `GET /v1/usage`, ordered by the groups. With `accept: text/csv` the same as CSV. */
export const usageReport = z.strictObject({
  from: z.iso.date(),
  to: z.iso.date(),
  rows: z.array(usageRow),
  next_cursor: z.string().nullable(),
});
export type UsageReport = z.infer<typeof usageReport>;
