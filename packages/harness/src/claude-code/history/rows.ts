import { z } from 'zod';
import type { StoredMessage } from '../../port.ts';
import { withoutAttachments } from '../attachments.ts';
import { type Block, block, isText, isToolResult, isToolUse, resultText } from '../turn/frames.ts';

/** A row of a conversation's file, as far as the history reads it. Other rows have other types. */
export const transcriptRow = z.looseObject({
  type: z.enum(['user', 'assistant']),
  uuid: z.string(),
  timestamp: z.iso.datetime({ offset: true }).optional(),
  isSidechain: z.boolean().optional(),
  /** Written by Claude Code itself: notes to the model, summaries, failed calls. */
  isMeta: z.boolean().optional(),
  isCompactSummary: z.boolean().optional(),
  isApiErrorMessage: z.boolean().optional(),
  message: z.looseObject({
    id: z.string().optional(),
    content: z.union([z.string(), z.array(block)]),
  }),
});
export type TranscriptRow = z.infer<typeof transcriptRow>;

type Part = StoredMessage['parts'][number];

const thinking = z.looseObject({ type: z.literal('thinking'), thinking: z.string() });
/** What Claude Code writes in place of a message that was a command. */
const COMMAND =
  /<command-name>(\/[^<]*)<\/command-name>(?:\s*<command-args>([\s\S]*?)<\/command-args>)?/;
const INTERRUPTED = /^\[Request interrupted by user/;

/** The message of a row, `null` when it is no part of the conversation. */
export function storedMessage(row: TranscriptRow): StoredMessage | null {
  if (row.isSidechain || row.isMeta || row.isCompactSummary || row.isApiErrorMessage) return null;
  const { content, id } = row.message;
  const blocks: Block[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const parts = blocks.flatMap((entry) => partOf(entry, row.type));
  if (parts.length === 0) return null;
  // The results of tools are the assistant's doing, though the wire has them in a user's message.
  const role = parts.every(({ type }) => type === 'tool_result') ? 'assistant' : row.type;
  return {
    id: row.type === 'assistant' ? (id ?? row.uuid) : row.uuid,
    role,
    createdAt: row.timestamp === undefined ? null : new Date(row.timestamp),
    parts,
  };
}

function partOf(entry: Block, role: TranscriptRow['type']): Part[] {
  if (isText(entry)) {
    const text = role === 'user' ? saidBy(entry.text) : entry.text;
    return text === null ? [] : [{ type: 'text', text }];
  }
  if (isToolUse(entry)) {
    const { id, name, input } = entry;
    return [{ type: 'tool_use', tool_use_id: id, tool_name: name, tool_input: input }];
  }
  if (isToolResult(entry)) {
    const output = resultText(entry.content);
    const is_error = entry.is_error ?? false;
    return [{ type: 'tool_result', tool_use_id: entry.tool_use_id, output, is_error }];
  }
  const thought = thinking.safeParse(entry);
  return thought.success ? [{ type: 'reasoning', text: thought.data.thinking }] : [];
}

/** What a person said, as it was sent to the platform; `null` for a note of Claude Code. */
function saidBy(text: string): string | null {
  const command = COMMAND.exec(text);
  if (command !== null) return [command[1], command[2]].filter(Boolean).join(' ');
  if (INTERRUPTED.test(text) || /^<(?:task-notification|local-command-\w+)>/.test(text))
    return null;
  return withoutAttachments(text);
}
