import { z } from 'zod';
import { NO_PAYER, turnPayer } from './channels.ts';
import { callCost, UNPRICED } from './metering.ts';
import { callOf } from './usage-by-position.ts';

/** One model call as the doors wrote it into their journal, before its answer ended. */
export const usageRecord = z.strictObject({
  /** Counts within one journal, never restarts. */
  seq: z.int().positive(),
  /** `call_…`: the same call is counted once, however often it is told. */
  id: z.string(),
  org_id: z.string(),
  project_id: z.string(),
  session_id: z.string(),
  /** The turn that was open when the call began; `null` when none was. */
  turn_id: z.string().nullable(),
  /** Of that turn; of a call outside a turn those of its channel's latest one. */
  payer: turnPayer.default(NO_PAYER),
  /** The org grant that the call was made under. */
  org_grant: z.string().nullable().default(null),
  provider: z.string(),
  /** As it was asked for. */
  model: z.string(),
  input_tokens: z.int().nonnegative(),
  cache_read_tokens: z.int().nonnegative(),
  cache_write_tokens: z.int().nonnegative(),
  output_tokens: z.int().nonnegative(),
  /** Counted by the doors because the provider never told, or the doors ended before it did. */
  estimated: z.boolean(),
  paid_by: z.enum(['platform', 'byok']),
  spend: callCost.default(UNPRICED),
  /** When the call began. */
  at: z.iso.datetime({ offset: true }),
});
export type UsageRecord = z.infer<typeof usageRecord>;

/**
 * `GET /usage` on the management socket: the oldest records that nobody has acknowledged, each as its
 * number and its call by position.
 */
export const usageRecordsAnswer = z.strictObject({
  records: z.array(z.preprocess(recordOf, usageRecord)),
});

/** By names; what has no such form is left for the schema to refuse. */
function recordOf(value: unknown): unknown {
  if (!Array.isArray(value) || !Array.isArray(value[1])) return null;
  return { ...callOf(value[1]), seq: value[0] };
}

/** `POST /usage/ack`: the records up to this one are safe elsewhere. */
export const ackUsageBody = z.strictObject({ through: z.int().nonnegative() });
