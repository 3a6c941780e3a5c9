import type { Session } from '@karta/protocol';
import type { Database } from '../sql/index.ts';
import type { LiveSession } from './live-session.ts';

type Participant = Session['participants'][number];

/** Who takes part in each of these sessions, in the order they joined. */
export async function participantsOf(
  database: Database,
  sessionIds: readonly string[],
): Promise<Map<string, Participant[]>> {
  const found = new Map<string, Participant[]>();
  if (sessionIds.length === 0) return found;
  const rows = await database
    .selectFrom('participants')
    .selectAll()
    .where('session_id', 'in', [...sessionIds])
    .orderBy('joined_at')
    .orderBy('id')
    .execute();
  for (const row of rows) {
    const list = found.get(row.session_id) ?? [];
    list.push({ id: row.id, name: row.name, type: row.type });
    found.set(row.session_id, list);
  }
  return found;
}

/**
 * Takes note of who sends, tells of a newcomer, and returns the text as the agent is to see it: as
 * it came while one person talks to it, and behind `[name] ` once the session has several.
 */
export async function attribute(
  database: Database,
  session: LiveSession,
  sender: { name: string | undefined; type: 'human' | 'ai' },
  text: string,
): Promise<string> {
  const { name, type } = sender;
  if (name === undefined) return text;
  const joined = await database
    .insertInto('participants')
    .values({ session_id: session.id, id: name, name, type, joined_at: new Date() })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (joined.numInsertedOrUpdatedRows === 1n) {
    await session.events.publish(null, {
      type: 'participant',
      data: { participant_id: name, change: 'joined', name, type },
    });
  }
  const several = await database
    .selectFrom('participants')
    .select('id')
    .where('session_id', '=', session.id)
    .where('id', '<>', name)
    .limit(1)
    .executeTakeFirst();
  return several === undefined ? text : `[${bracketed(name)}] ${text}`;
}

/** A name cannot close its own bracket or begin a line, and so speak as somebody else. */
function bracketed(name: string): string {
  return name.replace(/[[\]\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}
