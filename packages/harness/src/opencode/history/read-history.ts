import type { Reader } from '@karta/sandbox';
import { z } from 'zod';
import { readJsonLines } from '../../guard/index.ts';
import type { StoredMessage } from '../../port.ts';
import { storedMessage } from './stored-message.ts';

/** OpenCode's store, below `/home/agent`. */
const DATABASE = '.local/share/opencode/opencode.db';

/** Parts of one conversation that are read; a longer one ends there. */
const MAX_PARTS = 200_000;

/** One row a part; a message without parts has one row with `part` null. Ids ascend with time. */
const QUERY = `
  select m.id as message_id, m.time_created as created, m.data as message, p.id as part_id, p.data as part
  from message m left join part p on p.message_id = m.id
  where m.session_id = ?
  order by m.time_created, m.id, p.id
  limit ${MAX_PARTS}`;

const row = z.object({
  message_id: z.string(),
  created: z.union([z.number(), z.string()]),
  message: z.string(),
  part_id: z.string().nullable(),
  part: z.string().nullable(),
});
type Row = z.infer<typeof row>;

/**
 * A conversation from OpenCode's database, oldest first. The database may be in use or at rest. Rows
 * that are not what OpenCode writes are left out: whoever may write the store may write nonsense.
 */
export async function* readHistory(
  reader: Reader,
  resumeId: string,
): AsyncGenerator<StoredMessage> {
  let rows: Row[] = [];
  const source = await reader.queryHome(DATABASE, QUERY, [resumeId]);
  for await (const batch of readJsonLines(source)) {
    for (const { value } of batch) {
      const parsed = row.safeParse(value);
      if (!parsed.success) continue;
      if (rows.length > 0 && rows[0]?.message_id !== parsed.data.message_id) {
        yield* messageOf(rows);
        rows = [];
      }
      rows.push(parsed.data);
    }
  }
  yield* messageOf(rows);
}

function messageOf(rows: readonly Row[]): StoredMessage[] {
  const [first] = rows;
  if (first === undefined) return [];
  const parts = rows.flatMap(({ part }) => (part === null ? [] : [part]));
  const message = storedMessage(first.message_id, first.created, first.message, parts);
  return message === null ? [] : [message];
}
