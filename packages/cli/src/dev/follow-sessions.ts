import { setTimeout as delay } from 'node:timers/promises';
import type { KartaEvent } from '@karta/protocol';
import { type Karta, KartaSdkError } from '@karta/sdk';

/** How often new sessions are looked for. */
const POLL_MS = 700;
/** Sessions followed at once, the newest. */
const MOST_SESSIONS = 20;

/**
 * Shows the events of every session that something happens in, from now on, until the signal is
 * aborted. Never rejects: a server that restarts is asked again.
 */
export async function followSessions(
  karta: Karta,
  show: (event: KartaEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const followed = new Map<string, Promise<void>>();
  const since = new Date().toISOString();
  while (!signal.aborted) {
    try {
      const page = await karta.sessions.list({ limit: MOST_SESSIONS, signal }).page();
      for (const session of page.items) {
        const fresh =
          session.status !== 'ended' && session.created_at.slice(0, 23) >= since.slice(0, 23);
        const busy = session.status === 'running' || session.status === 'awaiting_input';
        if ((fresh || busy) && !followed.has(session.id) && followed.size < MOST_SESSIONS) {
          followed.set(
            session.id,
            follow(karta, session.id, show, signal).finally(() => followed.delete(session.id)),
          );
        }
      }
    } catch (error) {
      if (!(error instanceof KartaSdkError) && !signal.aborted) throw error;
    }
    await delay(POLL_MS, null, { signal }).catch(() => null); // Aborted: the loop ends.
  }
  await Promise.all(followed.values());
}

async function follow(
  karta: Karta,
  id: string,
  show: (event: KartaEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const event of karta.sessions.open(id).events({ signal })) show(event);
  } catch (error) {
    if (!(error instanceof KartaSdkError) && !signal.aborted) throw error;
  }
}
