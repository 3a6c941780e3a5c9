import type { Calls } from '../server/calls.ts';
import type { Family } from '../turn/family.ts';
import type { ServerEvent } from './schema.ts';

/** Messages that are looked at again, from the end of the session. */
const MESSAGES = 10;

/**
 * What may have been missed while the event stream was broken, as events: the last messages with
 * their parts as they are now, the asks that wait, and who is at work. Everything is told again;
 * a turn takes each thing once.
 */
export async function resyncEvents(
  calls: Calls,
  family: Family,
  turn: { firstMessageId: string | null; startedAt: number },
): Promise<ServerEvent[]> {
  const [messages, asks, busy] = await Promise.all([
    calls.lastMessages(family.root, MESSAGES),
    calls.waitingAsks(),
    calls.busySessions(),
  ]);
  const events: Omit<ServerEvent, 'raw'>[] = [];
  const { firstMessageId, startedAt } = turn;
  const own = messages.filter(({ info }) =>
    // Ids ascend with time.
    firstMessageId === null ? info.time.created >= startedAt : info.id >= firstMessageId,
  );
  // A turn that began and ended unseen shows by its messages alone.
  if (own.length > 0) events.push(statusOf(family.root, 'busy'));
  for (const { info, parts } of own) {
    events.push({ type: 'message.updated', properties: { info } });
    for (const part of parts) events.push({ type: 'message.part.updated', properties: { part } });
  }
  for (const request of asks.permissions) {
    events.push({ type: 'permission.asked', properties: request });
  }
  for (const request of asks.questions) {
    events.push({ type: 'question.asked', properties: request });
  }
  for (const sessionID of [family.root, ...family.busyChildren]) {
    events.push(statusOf(sessionID, busy.has(sessionID) ? 'busy' : 'idle'));
  }
  return events.map((event) => ({ ...event, raw: null }) as ServerEvent);
}

function statusOf(sessionID: string, type: 'busy' | 'idle'): Omit<ServerEvent, 'raw'> {
  return { type: 'session.status', properties: { sessionID, status: { type } } };
}
