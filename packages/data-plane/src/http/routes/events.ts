import { isoTime, KartaError, type KartaEvent, kartaEvent } from '@karta/protocol';
import { z } from 'zod';
import { requireApiKey } from '../../auth/scopes.ts';
import type { HttpDeps } from '../deps.ts';
import { type Call, defineRoute, json, noContent } from '../route.ts';
import { streamTicket } from '../schemas.ts';
import { sseAnswer, sseHead } from '../sse-answer.ts';
import { BOTH_FAMILIES, jsonOf, sessionIdOf } from './session-route.ts';

const seq = z.coerce.number().int().min(0);

const eventsQuery = z.object({
  after: seq.optional(),
  until: z.literal('done', 'must be "done"').optional(),
  raw: z.enum(['true', 'false'], 'must be "true" or "false"').optional(),
});
type EventsQuery = z.infer<typeof eventsQuery>;

export const followEvents = defineRoute({
  id: 'streamEvents',
  summary: 'Follow a session: replay after a seq (or Last-Event-ID), then live events',
  method: 'get',
  path: '/sessions/{session_id}/events',
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'chat',
  takesTicket: true,
  query: eventsQuery,
  parameters: [
    {
      name: 'last-event-id',
      in: 'header',
      required: false,
      description: 'The seq of the last event received; wins over "after"',
      schema: { type: 'integer', minimum: 0 },
    },
    {
      name: 'ticket',
      in: 'query',
      required: false,
      description: 'A stream ticket in place of a credential; the stream brings the next ones',
      schema: { type: 'string' },
    },
  ],
  answers: {
    200: { description: 'Events', content: { 'text/event-stream': kartaEvent } },
    204: { description: 'The session has ended: do not reconnect' },
  },
  async handle(call: Call<undefined, EventsQuery>, deps) {
    const sessionId = sessionIdOf(call);
    const raw = call.query.raw === 'true';
    if (raw) requireApiKey(call.caller.principal, 'raw=true');
    const after = afterOf(call);
    const { status } = await deps.sessions.get(call.caller, sessionId);
    if (status === 'ended') return noContent();
    if (call.headOnly) return sseHead();
    const open = async (signal: AbortSignal) => {
      const events = await openFrom(call, deps, sessionId, after, raw, signal);
      return call.query.until === 'done' ? toFirstDone(events) : events;
    };
    return sseAnswer(call, deps, open, call.byTicket ? sessionId : null);
  },
});

export const createStreamTicket = defineRoute({
  id: 'createStreamTicket',
  summary: 'Get a ticket for EventSource, which sends no headers: GET …/events?ticket=…',
  method: 'post',
  path: '/sessions/{session_id}/stream_tickets',
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'chat',
  answers: { 201: { description: 'The ticket', content: jsonOf(streamTicket) } },
  async handle(call, deps) {
    const sessionId = sessionIdOf(call);
    await deps.sessions.get(call.caller, sessionId);
    const issued = deps.tickets.issue(call.caller.principal, sessionId);
    if (issued === null) throw new KartaError('unauthenticated');
    return json(201, { ticket: issued.ticket, expires_at: isoTime(issued.expiresAt) });
  },
});

/** Where the reader is: `Last-Event-ID` is newer than the address it reconnects to. */
function afterOf(call: Call<undefined, EventsQuery>): number | null {
  const lastEventId = call.header('last-event-id');
  if (lastEventId === undefined || lastEventId === '') return call.query.after ?? null;
  const parsed = seq.safeParse(lastEventId);
  if (!parsed.success) {
    throw new KartaError('invalid_request', 'Last-Event-ID must be the seq of an event.');
  }
  return parsed.data;
}

/** Who names no place gets all that is kept; who names one that is no longer kept gets a 410. */
async function openFrom(
  call: Call<undefined, EventsQuery>,
  deps: HttpDeps,
  sessionId: string,
  after: number | null,
  raw: boolean,
  signal: AbortSignal,
): Promise<AsyncIterable<KartaEvent>> {
  const open = (from: number) =>
    deps.sessions.events(call.caller, sessionId, { after: from, signal, raw });
  if (after !== null) return open(after);
  try {
    return await open(0);
  } catch (error) {
    if (!KartaError.is(error) || error.code !== 'replay_expired') throw error;
    const first = error.extra.first_seq;
    if (typeof first !== 'number') throw error;
    return open(first - 1);
  }
}

/** Up to the end of the turn that runs at the reader's place, or of the next one. */
async function* toFirstDone(events: AsyncIterable<KartaEvent>): AsyncGenerator<KartaEvent> {
  for await (const event of events) {
    yield event;
    if (event.type === 'done') return;
  }
}
