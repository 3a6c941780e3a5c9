import { onceOnly } from '@karta/http';
import { kartaEvent, messageAnswer, type SendMessageBody, sendMessageBody } from '@karta/protocol';
import { requireTokenScope } from '../../auth/token-rights.ts';
import type { AcceptedTurn } from '../../sessions/port.ts';
import type { HttpDeps } from '../deps.ts';
import { rememberAs } from '../remember.ts';
import { type Call, defineRoute, json } from '../route.ts';
import { history } from '../schemas.ts';
import { sseAnswer } from '../sse-answer.ts';
import { ofTurn, turnAnswer } from '../turn-answer.ts';
import { BOTH_FAMILIES, jsonOf, sessionIdOf } from './session-route.ts';

export const sendMessage = defineRoute({
  id: 'sendMessage',
  summary: 'Send a message; the answer is JSON, or server-sent events with "stream": true',
  method: 'post',
  path: '/sessions/{session_id}/messages',
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'chat',
  body: sendMessageBody,
  answers: {
    200: {
      description: 'The turn, folded up to its end or first pause; or its events to the end',
      content: { 'application/json': messageAnswer, 'text/event-stream': kartaEvent },
    },
  },
  async handle(call: Call<SendMessageBody, undefined>, deps) {
    const sessionId = sessionIdOf(call);
    const { principal } = call.caller;
    if (call.body.agent !== undefined) requireTokenScope(principal, 'agent');
    if ((call.body.attachments?.length ?? 0) > 0) requireTokenScope(principal, 'files');
    const turn = await acceptOnce(call, sessionId, deps);
    if (!call.body.stream) {
      return json(
        200,
        await turnAnswer(deps.sessions, call.caller, sessionId, turn, call.signal()),
      );
    }
    return sseAnswer(call, deps, async (signal) => {
      const events = await deps.sessions.events(call.caller, sessionId, {
        after: turn.afterSeq,
        until: { turnId: turn.turnId, at: 'done' },
        signal,
        raw: false,
      });
      return ofTurn(events, turn.turnId);
    });
  },
});

export const readHistory = defineRoute({
  id: 'listMessages',
  summary: "Read the conversation from the harness's own store",
  method: 'get',
  path: '/sessions/{session_id}/messages',
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'chat',
  answers: { 200: { description: 'Messages, oldest first', content: jsonOf(history) } },
  async handle(call, deps) {
    return json(200, { messages: await deps.sessions.history(call.caller, sessionIdOf(call)) });
  },
});

/** Accepts the message, or finds the turn that the same message made before. */
function acceptOnce(
  call: Call<SendMessageBody, undefined>,
  sessionId: string,
  deps: HttpDeps,
): Promise<AcceptedTurn> {
  const scope = call.idempotencyScope(sessionId);
  return onceOnly(deps.idempotency, scope, call.bodyDigest, {
    async first() {
      const remember = rememberAs<AcceptedTurn>(scope, 200, turnObject);
      const turn = await deps.sessions.send(call.caller, sessionId, call.body, remember);
      deps.metrics.turnAccepted();
      return turn;
    },
    async again(objectId) {
      const { current_agent } = await deps.sessions.get(call.caller, sessionId);
      return { ...turnOfObject(objectId), agent: call.body.agent ?? current_agent };
    },
  });
}

/** An accepted turn as an idempotency record names it: its id and where its events begin. */
function turnObject(turn: AcceptedTurn): string {
  return `${turn.turnId}@${turn.afterSeq}`;
}

function turnOfObject(objectId: string): Pick<AcceptedTurn, 'turnId' | 'afterSeq'> {
  const [turnId = '', afterSeq] = objectId.split('@');
  return { turnId, afterSeq: Number(afterSeq) };
}
