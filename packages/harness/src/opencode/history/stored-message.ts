import { z } from 'zod';
import { FRAME_LIMITS, GuardError, parseHostileJson } from '../../guard/index.ts';
import type { StoredMessage } from '../../port.ts';

const messageData = z.object({
  role: z.enum(['user', 'assistant']),
  /** The inner agent; `compaction` writes summaries that replace earlier messages. */
  mode: z.string().optional(),
});

const toolState = z.object({
  status: z.string(),
  input: z.unknown().optional(),
  output: z.string().optional(),
  error: z.string().optional(),
});

const partData = z.union([
  z.object({
    type: z.enum(['text', 'reasoning']),
    text: z.string(),
    /** Written by OpenCode itself in the person's place. */
    synthetic: z.boolean().optional(),
    ignored: z.boolean().optional(),
  }),
  z.object({ type: z.literal('tool'), callID: z.string(), tool: z.string(), state: toolState }),
]);

type Part = StoredMessage['parts'][number];

/** What a tool call that never ended is shown with. */
const INTERRUPTED = 'The tool call was interrupted.';

/**
 * A message of OpenCode's store, from its columns. `null` when it is none, or nothing in it is for a
 * reader.
 */
export function storedMessage(
  id: string,
  created: number | string,
  message: string,
  parts: readonly string[],
): StoredMessage | null {
  const data = messageData.safeParse(parseJson(message));
  if (!data.success || data.data.mode === 'compaction') return null;
  const shown = parts.flatMap((part) => partsOf(part));
  if (shown.length === 0) return null;
  const time = new Date(Number(created));
  const createdAt = Number.isNaN(time.getTime()) ? null : time;
  return { id, role: data.data.role, createdAt, parts: shown };
}

function partsOf(text: string): Part[] {
  const parsed = partData.safeParse(parseJson(text));
  if (!parsed.success) return [];
  const part = parsed.data;
  if (part.type !== 'tool') {
    if (part.synthetic === true || part.ignored === true || part.text === '') return [];
    return [{ type: part.type, text: part.text }];
  }
  const { callID: tool_use_id, tool: tool_name, state } = part;
  const call: Part = { type: 'tool_use', tool_use_id, tool_name, tool_input: state.input ?? {} };
  const failed = state.status !== 'completed';
  const output = (failed ? state.error : state.output) ?? INTERRUPTED;
  return [call, { type: 'tool_result', tool_use_id, output, is_error: failed }];
}

/** `undefined` for what is no JSON, or none that a harness would write: the schemas refuse it. */
function parseJson(text: string): unknown {
  try {
    return parseHostileJson(Buffer.from(text), FRAME_LIMITS).value;
  } catch (error) {
    if (error instanceof GuardError) return undefined;
    throw error;
  }
}
