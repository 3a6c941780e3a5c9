import type { StoredMessage } from '@karta/harness';
import { type HistoryMessage, isoTime } from '@karta/protocol';
import type { RunnerSession } from '../runner/port.ts';
import type { SessionRow } from '../sql/index.ts';
import { type AcceptedText, attributeMessages } from './attribution.ts';
import type { Engine } from './engine.ts';

/** The newest messages shown, and their size as JSON: the store is written by sandboxed code. */
const MESSAGES = 10_000;
const BYTES = 32 * 1024 * 1024;

/** A session's history from the harness's own store, with who said what from ours. */
export async function readHistory(
  engine: Engine,
  row: SessionRow,
  session: RunnerSession,
): Promise<HistoryMessage[]> {
  if (session.volumeId === null || session.resumeId === null) return [];
  const messages = await newest(engine.runner.history(session));
  const accepted = await acceptedTexts(engine, row.id);
  return attributeMessages(messages, accepted);
}

async function newest(stored: AsyncIterable<StoredMessage>): Promise<HistoryMessage[]> {
  const kept: { message: HistoryMessage; bytes: number }[] = [];
  let bytes = 0;
  for await (const message of stored) {
    const shown = shownMessage(message);
    const size = Buffer.byteLength(JSON.stringify(shown));
    kept.push({ message: shown, bytes: size });
    bytes += size;
    while (kept.length > 1 && (kept.length > MESSAGES || bytes > BYTES)) {
      bytes -= kept.shift()?.bytes ?? 0;
    }
  }
  return kept.map((entry) => entry.message);
}

function shownMessage(message: StoredMessage): HistoryMessage {
  const text = message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
  return {
    id: message.id,
    role: message.role,
    text,
    parts: [...message.parts],
    created_at: message.createdAt === null ? null : isoTime(message.createdAt),
    sender: null,
    turn_id: null,
    unverified: false,
  };
}

async function acceptedTexts(engine: Engine, sessionId: string): Promise<AcceptedText[]> {
  const rows = await engine.database
    .selectFrom('turns')
    .select(['id', 'text_digest', 'sender_name', 'sender_type'])
    .where('session_id', '=', sessionId)
    .where('state', '<>', 'queued')
    .orderBy('position')
    .execute();
  return rows.map((row) => ({
    turnId: row.id,
    digest: row.text_digest,
    sender: { name: row.sender_name, type: row.sender_type },
  }));
}
