import { z } from 'zod';
import { stopReason, toolResultData, toolUseData } from './event.ts';
import { pendingInput } from './input.ts';
import { LIMITS } from './limits.ts';
import { participantType } from './session.ts';
import { cleanText, utf8Bytes } from './text.ts';
import { usage } from './usage.ts';

export const attachment = z.union([
  z.strictObject({ path: cleanText.min(1).max(4096) }),
  z.strictObject({
    name: cleanText.min(1).max(255),
    media_type: cleanText.max(255).optional(),
    /** Base64. */
    data: z.base64(),
  }),
]);
export type Attachment = z.infer<typeof attachment>;

/** Counted in code points, so that a name in any script has the same room. */
const participantName = cleanText
  .min(1)
  .refine((value) => [...value].length <= LIMITS.participantIdCodePoints, {
    message: `must be at most ${LIMITS.participantIdCodePoints} characters`,
  });

/** Body of `POST …/sessions/{id}/messages`. */
export const sendMessageBody = z.strictObject({
  text: cleanText
    .min(1, 'must not be empty')
    .refine((value) => utf8Bytes(value) <= LIMITS.messageTextBytes, {
      message: `must be at most ${LIMITS.messageTextBytes} bytes`,
    }),
  agent: cleanText.min(1).max(128).optional(),
  participant_name: participantName.optional(),
  participant_type: participantType.default('human'),
  thinking: z.boolean().default(false),
  stream: z.boolean().default(false),
  if_busy: z.enum(['queue', 'reject', 'interrupt']).default('queue'),
  attachments: z.array(attachment).max(LIMITS.attachments).default([]),
});
export type SendMessageBody = z.infer<typeof sendMessageBody>;

export const messagePart = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('reasoning'), text: z.string() }),
  toolUseData.extend({ type: z.literal('tool_use') }),
  toolResultData.extend({ type: z.literal('tool_result') }),
]);

/** A unary answer: the turn's events, folded, up to its `done` or its first pause. */
export const messageAnswer = z.object({
  text: z.string(),
  session_id: z.string(),
  agent: z.string(),
  turn_id: z.string(),
  /** `input_required` stands only here: the turn goes on once the input is resolved. */
  stop_reason: z.enum([...stopReason.options, 'input_required']),
  messages: z.array(
    z.object({
      id: z.string(),
      role: z.enum(['assistant']),
      text: z.string(),
      parts: z.array(messagePart),
    }),
  ),
  usage,
  pending_input: pendingInput.nullable(),
  /** Present when the turn met errors. */
  errors: z
    .array(
      z.object({
        code: z.string(),
        message: z.string(),
        provider: z.string().optional(),
        retryable: z.boolean(),
      }),
    )
    .optional(),
});
export type MessageAnswer = z.infer<typeof messageAnswer>;

/** One message of the history, read from the harness's own store. */
export const historyMessage = z.object({
  id: z.string(),
  role: z.enum(['user', 'assistant']),
  text: z.string(),
  parts: z.array(messagePart),
  created_at: z.string().nullable(),
  /** Who sent it, when the platform's digest of the text agrees with the harness's store. */
  sender: z.object({ name: z.string().nullable(), type: participantType }).nullable(),
  turn_id: z.string().nullable(),
  /** The platform accepted no such text: the store was changed from inside, or by the harness. */
  unverified: z.boolean(),
});
export type HistoryMessage = z.infer<typeof historyMessage>;
