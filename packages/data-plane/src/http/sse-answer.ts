import { loggable } from '@karta/http';
import { KartaError, LIMITS } from '@karta/protocol';
import type { EventFeed } from '../sessions/port.ts';
import type { HttpDeps } from './deps.ts';
import { eventStream, STREAM_HEADERS } from './event-stream.ts';
import type { Call } from './route.ts';
import { watchLife } from './stream-life.ts';

/** What of a call an event stream needs. */
type StreamCall = Pick<Call<unknown, unknown>, 'streams' | 'requestId' | 'caller'>;

/**
 * Answers with the events that `open` yields. `open` is awaited first, so what it throws is still
 * a problem document; it must stop when the signal it is given aborts. `ticketFor` is the session for
 * which the reader is given stream tickets.
 */
export async function sseAnswer(
  call: StreamCall,
  deps: HttpDeps,
  open: (signal: AbortSignal) => Promise<EventFeed>,
  ticketFor: string | null = null,
): Promise<Response> {
  const abort = new AbortController();
  const events = await open(abort.signal);
  return answerWith(events, abort, call, deps, ticketFor);
}

/** Apart, so that an open stream keeps alive what is named here and not its whole request. */
function answerWith(
  events: EventFeed,
  abort: AbortController,
  { streams, requestId, caller: { principal } }: StreamCall,
  { log, metrics, tickets, ticketMs, heartbeatMs = LIMITS.heartbeatMs }: HttpDeps,
  ticketFor: string | null,
): Response {
  let forget = () => {};
  let unwatch = () => {};
  const stream = eventStream(events, abort, heartbeatMs, {
    closed() {
      forget();
      unwatch();
      metrics.streamClosed();
    },
    failed(error) {
      // A reader too slow for what is kept: it comes back and is told by a 410.
      if (KartaError.is(error)) return;
      log.error({ request_id: requestId, ...loggable(error) }, 'event stream failed');
    },
  });
  metrics.streamOpened();
  forget = streams.add(stream.close, principal);
  const renewal = ticketFor === null ? null : { tickets, sessionId: ticketFor, everyMs: ticketMs };
  unwatch = watchLife(stream, principal, renewal);
  return new Response(stream.body, { status: 200, headers: { ...STREAM_HEADERS } });
}

/** The head of an event stream without a stream behind it, for `HEAD`. */
export function sseHead(): Response {
  return new Response(null, { status: 200, headers: { ...STREAM_HEADERS } });
}
