import type { AskAnswer, HarnessEvent } from '../../port.ts';
import type { PermissionRequest, QuestionRequest } from '../events/schema.ts';
import { permissionAsk, questionAsk } from './asks.ts';

/** Asks of earlier turns that are remembered; the server speaks of them at most moments later. */
const MAX_RETIRED = 1_000;

interface Ask {
  request: ({ kind: 'permission' } & PermissionRequest) | ({ kind: 'question' } & QuestionRequest);
  raw: unknown;
  /** The event has gone out; before that the ask waits for its tool call's input. */
  shown: boolean;
  answer: AskAnswer | null;
  /** The answer has been sent to the server. */
  sent: boolean;
}

export type OpenAsk = Readonly<Ask>;

/** How a resolution that the server tells of came about. */
export type Resolution =
  /** Ours. */
  | 'expected'
  /** The server dropped it, together with one that was denied or with the turn. */
  | 'dropped'
  /** Nobody here answered it. */
  | 'bypassed';

/**
 * The asks of one turn, from the request to the resolution.
 *
 * OpenCode rejects every waiting ask of a session when one of them is rejected. So that each can be
 * answered for itself, a denial is held back until nothing else of that session waits or may ask.
 */
export class AskBook {
  readonly #asks = new Map<string, Ask>();
  /** Asks of this turn that are over; a list asked for after a broken stream may still name them. */
  readonly #resolved = new Set<string>();
  /** Sessions to which a rejection was sent. */
  readonly #rejecting = new Set<string>();
  /** Asks of the session that are over for the platform, though the server may still speak of them. */
  readonly #retired: Set<string>;
  /** Set when the turn is being stopped: the server then drops what waits. */
  stopping = false;

  constructor(retired: Set<string>) {
    this.#retired = retired;
  }

  addPermission(request: PermissionRequest, raw: unknown): void {
    this.#add({ request: { kind: 'permission', ...request }, raw });
  }

  addQuestion(request: QuestionRequest, raw: unknown): void {
    this.#add({ request: { kind: 'question', ...request }, raw });
  }

  #add(ask: Pick<Ask, 'request' | 'raw'>): void {
    const { id } = ask.request;
    if (this.#asks.has(id) || this.#resolved.has(id) || this.#retired.has(id)) return;
    this.#asks.set(id, { ...ask, shown: false, answer: null, sent: false });
  }

  /**
   * The events of asks that can be shown now. `inputOf` knows the input of a tool call once it is
   * complete; with `force`, asks are shown without.
   */
  show(
    inputOf: (callId: string) => { tool: string; input: unknown } | null,
    force = false,
  ): HarnessEvent[] {
    const events: HarnessEvent[] = [];
    for (const ask of this.#asks.values()) {
      if (ask.shown) continue;
      const { request, raw } = ask;
      const call = request.tool === undefined ? null : inputOf(request.tool.callID);
      if (call === null && request.tool !== undefined && !force) continue;
      ask.shown = true;
      if (request.kind === 'question') events.push(questionAsk(request, raw));
      else {
        const tool = call?.tool ?? request.permission;
        events.push(permissionAsk(request, tool, call?.input ?? request.metadata, raw));
      }
    }
    return events;
  }

  /** No ask is under way, which is nearly always. */
  get empty(): boolean {
    return this.#asks.size === 0;
  }

  /** Asks wait for the input of their tool calls. */
  get hidden(): boolean {
    return [...this.#asks.values()].some((ask) => !ask.shown);
  }

  /** Asks shown and not yet answered. */
  get open(): OpenAsk[] {
    return [...this.#asks.values()].filter((ask) => ask.shown && ask.answer === null);
  }

  /** Everything the server still waits for. */
  get unsent(): OpenAsk[] {
    return [...this.#asks.values()].filter((ask) => !ask.sent);
  }

  /** Takes an answer; `false` when no such ask waits. */
  answer(requestId: string, answer: AskAnswer): boolean {
    const ask = this.#asks.get(requestId);
    if (ask === undefined || !ask.shown || ask.answer !== null) return false;
    ask.answer = answer;
    return true;
  }

  /**
   * Answers that may go to the server now, and counts them as sent: every approval; the denials of
   * a session in which no other tool call can still ask. `openCalls` names the calls of a session
   * that have no result. The agent waits for all of them anyway, so nobody waits for a denial.
   */
  takeSendable(openCalls: (sessionId: string) => readonly string[]): OpenAsk[] {
    const answered = [...this.#asks.values()].filter(({ answer, sent }) => answer && !sent);
    const held = answered.filter(isDenial);
    const heldCalls = new Set(held.map(({ request }) => request.tool?.callID));
    const sendable = answered.filter((ask) => {
      if (!isDenial(ask)) return true;
      const { sessionID } = ask.request;
      const waits = this.open.some(({ request }) => request.sessionID === sessionID);
      return !waits && openCalls(sessionID).every((callId) => heldCalls.has(callId));
    });
    for (const ask of sendable) {
      ask.sent = true;
      if (isDenial(ask)) this.#rejecting.add(ask.request.sessionID);
    }
    return sendable;
  }

  /** The server says that an ask is resolved. Forgets it. */
  resolved(
    requestId: string,
    sessionId: string,
    reply: 'once' | 'always' | 'reject',
  ): { how: Resolution; ask: OpenAsk | null } {
    const ask = this.#asks.get(requestId) ?? null;
    if (this.#asks.delete(requestId)) this.#resolved.add(requestId);
    if (this.#retired.has(requestId)) return { how: 'expected', ask };
    const denied = reply === 'reject';
    if (ask?.sent === true) {
      const meant = ask.answer?.decision === 'deny';
      return { how: meant === denied ? 'expected' : 'bypassed', ask };
    }
    const dropped = denied && (this.stopping || this.#rejecting.has(sessionId));
    return { how: dropped ? 'dropped' : 'bypassed', ask };
  }

  /** Forgets every ask, and returns those that a person still saw as open. */
  drop(): OpenAsk[] {
    const { open } = this;
    if (this.#retired.size > MAX_RETIRED) this.#retired.clear();
    for (const id of this.#asks.keys()) this.#retired.add(id);
    this.#asks.clear();
    return open;
  }
}

/** A question that is not answered drops no other ask. */
function isDenial({ answer, request }: OpenAsk): boolean {
  return answer?.decision === 'deny' && request.kind === 'permission';
}
