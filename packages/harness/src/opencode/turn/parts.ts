import { GuardError } from '../../guard/index.ts';
import type { HarnessEvent } from '../../port.ts';
import type { MessageInfo, TextPart, ToolPart } from '../events/schema.ts';

/** Messages, parts and tool calls of one turn; more is no agent's work. */
const MAX_TRACKED = 200_000;

interface Text {
  kind: TextPart['type'];
  messageId: string;
  /** Characters that were passed on. */
  sent: number;
  /** Deltas were lost: what follows can only be told from the whole. */
  broken: boolean;
}

interface Call {
  tool: string;
  sessionId: string;
  /** Known from the moment the call runs. */
  input: { value: unknown } | null;
  finished: boolean;
}

/**
 * Messages and their parts within one turn: turns updates, which repeat the whole part each time,
 * into events that say everything once.
 */
export class Parts {
  readonly #messages = new Map<string, { info: MessageInfo; open: boolean }>();
  readonly #texts = new Map<string, Text>();
  readonly #steps = new Set<string>();
  readonly #calls = new Map<string, Call>();

  /** The message that began the turn. */
  firstMessageId: string | null = null;
  readonly #root: string;
  readonly #after: string;

  /** `after` is the last message of earlier turns in the session `root`. */
  constructor(root: string, after: string) {
    this.#root = root;
    this.#after = after;
  }

  /** Takes a message in. `false` for one of an earlier turn, which is still spoken of for a moment. */
  message(info: MessageInfo): boolean {
    if (info.sessionID === this.#root) {
      if (info.id <= this.#after) return false;
      this.firstMessageId ??= info.id;
    }
    const open = info.role === 'assistant' && info.time.completed === undefined;
    this.#messages.set(info.id, { info, open });
    this.#bound();
    return true;
  }

  /** The message belongs to the turn. */
  has(messageId: string): boolean {
    return this.#messages.has(messageId);
  }

  /** A message of the agent in `sessionId` is still being written. */
  hasOpenMessage(sessionId: string): boolean {
    for (const { info, open } of this.#messages.values()) {
      if (open && info.sessionID === sessionId) return true;
    }
    return false;
  }

  /** The agent has begun to answer in `sessionId`. */
  hasAnswer(sessionId: string): boolean {
    for (const { info } of this.#messages.values()) {
      if (info.role === 'assistant' && info.sessionID === sessionId) return true;
    }
    return false;
  }

  isFromUser(messageId: string): boolean {
    return this.#messages.get(messageId)?.info.role === 'user';
  }

  /** Text that is the agent's answer to the person: not the person's own, not a summary. */
  isAnswer(messageId: string): boolean {
    const info = this.#messages.get(messageId)?.info;
    return info?.role === 'assistant' && info.mode !== 'compaction';
  }

  /** The new text of an updated part; `''` when nothing is new. */
  text(part: TextPart): string {
    const known = this.#texts.get(part.id);
    const sent = known?.sent ?? 0;
    const fresh = part.text.slice(sent);
    const kind = part.type;
    const broken = known?.broken ?? false;
    this.#texts.set(part.id, {
      kind,
      messageId: part.messageID,
      sent: sent + fresh.length,
      broken,
    });
    this.#bound();
    return fresh;
  }

  /** Deltas may have been lost: the texts under way are told when they are whole. */
  breakTexts(): void {
    for (const text of this.#texts.values()) text.broken = true;
  }

  /** The kind of the part that a delta belongs to, `null` when it cannot be told where it belongs. */
  delta(partId: string, text: string): Text['kind'] | null {
    const known = this.#texts.get(partId);
    if (known === undefined || known.broken) return null;
    known.sent += text.length;
    return known.kind;
  }

  /** A tool call and its result, each told once. */
  tool(part: ToolPart, raw: unknown): HarnessEvent[] {
    const { state, callID: toolUseId } = part;
    const call: Call = this.#calls.get(toolUseId) ?? {
      tool: part.tool,
      sessionId: part.sessionID,
      input: null,
      finished: false,
    };
    this.#calls.set(toolUseId, call);
    this.#bound();
    if (state.status === 'pending' || call.finished) return [];
    const events: HarnessEvent[] = [];
    if (call.input === null) {
      call.input = { value: state.input };
      events.push({ type: 'tool_use', toolUseId, tool: part.tool, input: state.input, raw });
    }
    if (state.status !== 'running') {
      call.finished = true;
      const isError = state.status === 'error';
      const output = isError ? state.error : state.output;
      events.push({ type: 'tool_result', toolUseId, output, isError, raw });
    }
    return events;
  }

  callInput(callId: string): { tool: string; input: unknown } | null {
    const call = this.#calls.get(callId);
    return call?.input ? { tool: call.tool, input: call.input.value } : null;
  }

  /** Tool calls of a session that have no result yet. */
  openCalls(sessionId: string): string[] {
    const open: string[] = [];
    for (const [callId, call] of this.#calls) {
      if (!call.finished && call.sessionId === sessionId) open.push(callId);
    }
    return open;
  }

  /** `true` the first time a part is told of. */
  isNew(partId: string): boolean {
    if (this.#steps.has(partId)) return false;
    this.#steps.add(partId);
    this.#bound();
    return true;
  }

  #bound(): void {
    const steps = this.#steps.size;
    if (this.#messages.size + this.#texts.size + this.#calls.size + steps > MAX_TRACKED) {
      throw new GuardError('protocol', `a turn with more than ${MAX_TRACKED} parts`);
    }
  }
}
