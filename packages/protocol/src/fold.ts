import type { KartaEvent, StopReason } from './event.ts';
import { messageIdOfTurn } from './ids.ts';
import type { PendingInput } from './input.ts';
import type { MoneyWire } from './money.ts';
import { NO_USAGE, type Usage } from './usage.ts';

export type MessagePart =
  | { type: 'text'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'tool_use'; tool_use_id: string; tool_name: string; tool_input: unknown }
  | { type: 'tool_result'; tool_use_id: string; output: string; is_error: boolean };

export interface FoldedMessage {
  id: string;
  role: 'assistant';
  /** The text parts, joined. */
  text: string;
  parts: MessagePart[];
}

/** A pending input as the events of one turn tell of it. */
export type FoldedInput = Pick<
  PendingInput,
  'request_id' | 'kind' | 'tool' | 'message' | 'tool_input' | 'options'
>;

/** The events of one turn, accumulated: what a client that does not stream is given. */
export interface FoldedTurn {
  turn_id: string | null;
  messages: FoldedMessage[];
  /** The turn's whole text. */
  text: string;
  errors: { code: string; message: string; provider?: string | undefined; retryable: boolean }[];
  /** Asked and not yet resolved, oldest first. */
  pending: FoldedInput[];
  /** `null` until `done`. */
  stop_reason: StopReason | null;
  usage: Usage;
  cost: MoneyWire | null;
  /** The last event folded; 0 before the first. */
  last_seq: number;
}

export function emptyFold(): FoldedTurn {
  return {
    turn_id: null,
    messages: [],
    text: '',
    errors: [],
    pending: [],
    stop_reason: null,
    usage: NO_USAGE,
    cost: null,
    last_seq: 0,
  };
}

/**
 * Adds one event to the fold, in place. Text and reasoning chunks that follow each other become one
 * part, so however a stream was chunked the fold is the same.
 */
export function foldEvent(fold: FoldedTurn, event: KartaEvent): FoldedTurn {
  fold.last_seq = event.seq;
  if (event.turn_id !== null) fold.turn_id ??= event.turn_id;
  switch (event.type) {
    case 'text':
    case 'reasoning':
      // A turn of empty chunks has no message, as one without chunks has none.
      if (event.data.part.text === '') break;
      appendText(messageOf(fold), event.data.part);
      if (event.type === 'text') fold.text += event.data.part.text;
      break;
    case 'tool_use':
    case 'tool_result':
      messageOf(fold).parts.push({ type: event.type, ...event.data } as MessagePart);
      break;
    case 'input_required':
      fold.pending.push(event.data as FoldedInput);
      break;
    case 'input_resolved':
      fold.pending = fold.pending.filter((input) => input.request_id !== event.data.request_id);
      break;
    case 'error':
      fold.errors.push(event.data);
      break;
    case 'done':
      fold.stop_reason = event.data.stop_reason;
      fold.usage = event.data.usage;
      fold.cost = event.data.cost;
      fold.pending = [];
      break;
  }
  return fold;
}

/** Folds a whole turn. */
export function foldEvents(events: Iterable<KartaEvent>): FoldedTurn {
  const fold = emptyFold();
  for (const event of events) foldEvent(fold, event);
  return fold;
}

function messageOf(fold: FoldedTurn): FoldedMessage {
  const last = fold.messages.at(-1);
  if (last) return last;
  const message: FoldedMessage = {
    id: messageIdOfTurn(fold.turn_id ?? 'turn_'),
    role: 'assistant',
    text: '',
    parts: [],
  };
  fold.messages.push(message);
  return message;
}

function appendText(
  message: FoldedMessage,
  part: { type: 'text' | 'reasoning'; text: string },
): void {
  if (part.type === 'text') message.text += part.text;
  const last = message.parts.at(-1);
  if (last?.type === part.type) last.text += part.text;
  else message.parts.push({ type: part.type, text: part.text });
}
