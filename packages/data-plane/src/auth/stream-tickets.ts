import { createHmac, timingSafeEqual } from 'node:crypto';
import { LIMITS } from '@karta/protocol';
import { z } from 'zod';
import type { Principal } from '../control/port.ts';
import { expiryOf } from './token-rights.ts';

/** What an `EventSource`, which can send no header, follows one session with. */
export interface StreamTicket {
  ticket: string;
  expiresAt: Date;
}

export interface StreamTickets {
  /**
   * A ticket for the events of a session, for whoever may read them now. `null` when a
   * token has expired: its holder comes back with a fresh one.
   */
  issue(principal: Principal, sessionId: string): StreamTicket | null;
  /** Whom a ticket was issued to, bounded to reading; `null` for any other, or another session. */
  open(ticket: string, sessionId: string): Principal | null;
}

/** Tickets signed with a secret of the node. `now` in milliseconds since the epoch. */
export function createStreamTickets(secret: string, now: () => number = Date.now): StreamTickets {
  const sign = (text: string) => createHmac('sha256', secret).update(`ticket ${text}`).digest();
  return {
    issue(principal, sessionId) {
      const tokenEnd = expiryOf(principal) ?? Number.POSITIVE_INFINITY;
      const expires = Math.min(Math.floor((now() + LIMITS.streamTicketMs) / 1000), tokenEnd);
      if (expires <= now() / 1000) return null;
      const content = { exp: expires, session: sessionId, principal };
      const text = Buffer.from(JSON.stringify(content)).toString('base64url');
      return {
        ticket: `${text}.${sign(text).toString('base64url')}`,
        expiresAt: new Date(expires * 1000),
      };
    },
    open(ticket, sessionId) {
      const [text = '', signature = ''] = ticket.split('.');
      const given = Buffer.from(signature, 'base64url');
      const right = sign(text);
      if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
      const content = contentForm.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
      if (content.session !== sessionId || content.exp <= now() / 1000) return null;
      return { ...content.principal, scopes: ['read'] };
    },
  };
}

/** What was signed was a `Principal`, so only its outline is looked at. */
const contentForm = z.object({
  exp: z.number(),
  session: z.string(),
  principal: z.custom<Principal>((value) => typeof value === 'object' && value !== null),
});
