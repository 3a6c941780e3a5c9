import { isoTime, LIMITS } from '@karta/protocol';
import type { StreamTickets } from '../auth/stream-tickets.ts';
import { expiryOf } from '../auth/token-rights.ts';
import type { Principal } from '../control/port.ts';
import type { EventStream } from './event-stream.ts';

/** A ticket in use is followed by the next well before it expires, in milliseconds. */
const TICKET_MS = LIMITS.streamTicketMs - 60_000;
/** More would make a timer fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The reader of a stream that a ticket opened is given further ones. */
export interface TicketRenewal {
  tickets: StreamTickets;
  sessionId: string;
  /** Milliseconds between two; the usual time when absent. */
  everyMs?: number | undefined;
}

/**
 * Ends a stream a while after its token has expired, and gives the reader that came with a
 * ticket the next ones meanwhile. Returns what ends that.
 */
export function watchLife(
  stream: EventStream,
  principal: Principal,
  renewal: TicketRenewal | null,
): () => void {
  const timers: NodeJS.Timeout[] = [];
  const expiresAt = expiryOf(principal);
  if (expiresAt !== null) {
    const left = expiresAt * 1000 + LIMITS.streamGraceMs - Date.now();
    timers.push(setTimeout(stream.close, Math.min(Math.max(0, left), LONGEST_TIMER_MS)));
  }
  if (renewal !== null) {
    const { tickets, sessionId, everyMs = TICKET_MS } = renewal;
    const renew = () => {
      const next = tickets.issue(principal, sessionId);
      if (next !== null) stream.push(ticketFrame(next));
    };
    renew();
    timers.push(setInterval(renew, everyMs));
  }
  // A server that stops must not wait for them.
  for (const timer of timers) timer.unref();
  return () => {
    for (const timer of timers) clearTimeout(timer);
  };
}

/** Without an `id`: it is none of the session's events, and a reader's place stays as it is. */
function ticketFrame({ ticket, expiresAt }: { ticket: string; expiresAt: Date }): string {
  const data = JSON.stringify({ type: 'ticket', ticket, expires_at: isoTime(expiresAt) });
  return `event: ticket\ndata: ${data}\n\n`;
}
