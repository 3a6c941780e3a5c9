import { newId } from '@karta/protocol';
import type { MiddlewareHandler } from 'hono';
import type { RequestEnv } from './env.ts';

/** What an id from outside may be: it is written into logs and headers as it stands. */
const SANE_ID = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * Gives every request an id, a sane one of the client's if it sent one, and every answer shows it.
 * Set on the socket's answer: changing the headers of a `Response` copies them into an object that
 * an open stream then keeps.
 */
export const requestId: MiddlewareHandler<RequestEnv> = async (c, next) => {
  const id = requestIdOf(c.req.header('x-request-id'));
  c.set('requestId', id);
  c.env.outgoing.setHeader('x-request-id', id);
  await next();
};

/** The client's id when it is sane, else a fresh one. */
export function requestIdOf(sent: string | undefined): string {
  return sent !== undefined && SANE_ID.test(sent) ? sent : newId('request');
}
