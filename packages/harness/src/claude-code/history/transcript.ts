import type { Reader } from '@karta/sandbox';
import {
  cleanHostileText,
  FRAME_LIMITS,
  GuardError,
  parseHostileJson,
  splitLines,
} from '../../guard/index.ts';
import type { StoredMessage } from '../../port.ts';
import { TRANSCRIPTS } from '../inside.ts';
import { isConversationId } from '../process/live-claude.ts';
import { storedMessage, type TranscriptRow, transcriptRow } from './rows.ts';

/** Bytes of one conversation that are read at most. A day's work takes some 20 MB. */
const MAX_BYTES = 256 * 1024 * 1024;
/** A row is larger than a frame of the wire: it may hold what was sent to the model. */
const ROW_LIMITS = { ...FRAME_LIMITS, frameBytes: 16 * 1024 * 1024 };

/**
 * A conversation from Claude Code's own file, oldest first, without what sub-agents said. Rows that
 * are not as Claude Code writes them are passed over: the file can be written by the agent.
 *
 * Throws `GuardError` for a file over its bounds; rejects with the reader's `not_found` when the
 * conversation was never written down.
 */
export async function* readTranscript(
  reader: Reader,
  resumeId: string,
): AsyncGenerator<StoredMessage> {
  if (!isConversationId(resumeId)) return;
  const source = await reader.readHome(`${TRANSCRIPTS}/${resumeId}.jsonl`);
  let open = null as StoredMessage | null;
  for await (const line of splitLines(bounded(source), ROW_LIMITS.frameBytes)) {
    const row = rowOf(line);
    const message = row === null ? null : storedMessage(row);
    if (message === null) continue;
    // Claude Code writes one row for each block of an answer, and its results apart.
    if (open?.role === 'assistant' && isContinuation(open, message)) {
      open = { ...open, parts: [...open.parts, ...message.parts] };
      continue;
    }
    if (open !== null) yield open;
    open = message;
  }
  if (open !== null) yield open;
}

function isContinuation(open: StoredMessage, message: StoredMessage): boolean {
  if (message.role !== 'assistant') return false;
  return message.id === open.id || message.parts.every(({ type }) => type === 'tool_result');
}

function rowOf(line: Uint8Array): TranscriptRow | null {
  if (line.length === 0) return null;
  try {
    const parsed = transcriptRow.safeParse(parseHostileJson(line, ROW_LIMITS).value);
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof GuardError) return null;
    throw error;
  }
}

async function* bounded(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    const piece = typeof chunk === 'string' ? Buffer.from(cleanHostileText(chunk)) : chunk;
    bytes += piece.length;
    if (bytes > MAX_BYTES) {
      throw new GuardError('frame_too_large', `a conversation of more than ${MAX_BYTES} bytes`);
    }
    yield piece;
  }
}
