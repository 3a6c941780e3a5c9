import { z } from 'zod';

/**
 * What Claude Code writes, as far as the adapter reads it. Everything else in a frame is passed on
 * as the event's `raw`; a frame that does not fit its schema becomes a `system` event.
 */
export const anyFrame = z.looseObject({ type: z.string(), subtype: z.string().optional() });
export type AnyFrame = z.infer<typeof anyFrame>;

const parent = z.string().nullish();

export const streamEvent = z.looseObject({
  parent_tool_use_id: parent,
  event: z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('message_start'), message: z.looseObject({ id: z.string() }) }),
    z.looseObject({
      type: z.literal('content_block_delta'),
      delta: z.looseObject({
        type: z.string(),
        text: z.string().optional(),
        thinking: z.string().optional(),
      }),
    }),
    z.looseObject({ type: z.literal('content_block_start') }),
    z.looseObject({ type: z.literal('content_block_stop') }),
    z.looseObject({ type: z.literal('message_delta') }),
    z.looseObject({ type: z.literal('message_stop') }),
    z.looseObject({ type: z.literal('ping') }),
    z.looseObject({ type: z.literal('error') }),
  ]),
});

const textBlock = z.looseObject({ type: z.literal('text'), text: z.string() });
const toolUseBlock = z.looseObject({
  type: z.literal('tool_use'),
  id: z.string(),
  name: z.string(),
  input: z.unknown(),
});
const toolResultBlock = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.unknown(),
  is_error: z.boolean().nullish(),
});
const otherBlock = z.looseObject({ type: z.string() });
export const block = z.union([textBlock, toolUseBlock, toolResultBlock, otherBlock]);
export type Block = z.infer<typeof block>;

export const assistantFrame = z.looseObject({
  parent_tool_use_id: parent,
  message: z.looseObject({ id: z.string(), content: z.array(block) }),
  is_api_error_message: z.boolean().optional(),
});

export const userFrame = z.looseObject({
  parent_tool_use_id: parent,
  message: z.looseObject({ content: z.union([z.string(), z.array(block)]) }),
  tool_use_result: z.unknown().optional(),
  /** Written by Claude Code for the model: a skill's body, a reminder. */
  isSynthetic: z.boolean().optional(),
});

export const resultFrame = z.looseObject({
  subtype: z.string(),
  is_error: z.boolean().optional(),
  terminal_reason: z.string().nullish(),
  api_error_status: z.number().nullish(),
  result: z.string().optional(),
  errors: z.array(z.string()).optional(),
  session_id: z.string().optional(),
});
export type ResultFrame = z.infer<typeof resultFrame>;

export const apiRetryFrame = z.looseObject({
  attempt: z.number(),
  max_retries: z.number(),
  error_status: z.number().nullish(),
});

export const sessionStateFrame = z.looseObject({
  state: z.enum(['idle', 'running', 'requires_action']),
});

export const backgroundTasksFrame = z.looseObject({
  tasks: z.array(z.looseObject({ task_id: z.string() })),
});

export function isToolUse(value: Block): value is z.infer<typeof toolUseBlock> {
  return toolUseBlock.safeParse(value).success;
}
export function isToolResult(value: Block): value is z.infer<typeof toolResultBlock> {
  return toolResultBlock.safeParse(value).success;
}
export function isText(value: Block): value is z.infer<typeof textBlock> {
  return textBlock.safeParse(value).success;
}

/** The text of a tool result's content: a string, or blocks of which the texts are joined. */
export function resultText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content))
    return content === undefined || content === null ? '' : JSON.stringify(content);
  return content
    .map((part: unknown) => {
      const parsed = textBlock.safeParse(part);
      if (parsed.success) return parsed.data.text;
      const type = otherBlock.safeParse(part);
      return type.success ? `[${type.data.type}]` : '';
    })
    .join('\n');
}
