import {
  KartaError,
  type KartaEvent,
  kartaEvent,
  type ResolveInputBody,
  resolveInputBody,
} from '@karta/protocol';
import { type Call, defineRoute, json } from '../route.ts';
import { resolvedInput } from '../schemas.ts';
import { sseAnswer } from '../sse-answer.ts';
import { ofTurn } from '../turn-answer.ts';
import { BOTH_FAMILIES, sessionIdOf } from './session-route.ts';

/** Longer than any request id of a harness. */
const MAX_REQUEST_ID_CHARS = 256;

export const resolveInput = defineRoute({
  id: 'resolveInput',
  summary: 'Answer a pending input; the turn goes on',
  method: 'put',
  path: '/sessions/{session_id}/inputs/{request_id}',
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'approve',
  body: resolveInputBody,
  answers: {
    200: {
      description: 'Events up to the next pause or the end of the turn, and the session then',
      content: { 'application/json': resolvedInput, 'text/event-stream': kartaEvent },
    },
  },
  async handle(call: Call<ResolveInputBody, undefined>, deps) {
    const sessionId = sessionIdOf(call);
    const { decision, message, stream } = call.body;
    const turn = await deps.sessions.resolveInput(call.caller, sessionId, requestIdOf(call), {
      decision,
      message,
    });
    const follow = async (at: 'done' | 'pause', signal: AbortSignal) => {
      const events = await deps.sessions.events(call.caller, sessionId, {
        after: turn.afterSeq,
        until: { turnId: turn.turnId, at },
        signal,
        raw: false,
      });
      return ofTurn(events, turn.turnId);
    };
    if (stream) return sseAnswer(call, deps, (signal) => follow('done', signal));
    const events: KartaEvent[] = [];
    for await (const event of await follow('pause', call.signal())) events.push(event);
    return json(200, { events, session: await deps.sessions.get(call.caller, sessionId) });
  },
});

function requestIdOf(call: { param(name: string): string }): string {
  const id = call.param('request_id');
  if (id.length > MAX_REQUEST_ID_CHARS || id.includes('\0') || !id.isWellFormed()) {
    throw new KartaError('not_found');
  }
  return id;
}
