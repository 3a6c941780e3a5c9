import { hash } from 'node:crypto';
import { tokensBeyondBytes } from './bound-input.ts';
import type { BilledRoute } from './output-limit.ts';
import type { Route } from './routes.ts';

/** A beginning of a request's prompt: what it offers and asks with, and its first messages. */
export interface PromptBeginning {
  /** Equal for equal beginnings alone. */
  digest: string;
  /** Bytes that the digest covers. */
  bytes: number;
  /** Bytes of it that were left uncounted, it may be, for what came after it. */
  uncounted: number;
  /** More tokens than all the rest of the request can be. */
  rest: number;
}

/** Pieces of messages of which beginnings are made; what comes after them is the rest of each. */
export const PROMPT_PIECES = 4_096;
/** Tokens by which a count may grow where two pieces meet, or where a message begins and ends. */
export const SEAM_TOKENS = 16;

/**
 * Up to here a text of the instructions is no part of any beginning, in bytes: it counts by them.
 * Claude Code begins its own with one of 90 bytes that differs between conversations; with it nothing
 * of one would be known of the next.
 */
export const SHORT_TEXT_BYTES = 256;

type Json = Record<string, unknown>;

/** Where each route has its messages. What another route has there is a member like all others. */
const MESSAGES: Record<BilledRoute, string> = {
  messages: 'messages',
  chat: 'messages',
  responses: 'input',
};

/** Members that change from call to call and are no part of the prompt; they count by their bytes. */
const CHANGING = new Set([
  ...['max_tokens', 'max_completion_tokens', 'max_output_tokens'],
  ...['stream', 'stream_options', 'metadata', 'user', 'prompt_cache_key', 'safety_identifier'],
]);

/**
 * Marks of what is to be cached, which move from call to call. A quotation mark within a string is
 * escaped, so none of these is text of a prompt; they count by their bytes.
 */
const CACHE_MARK = /,?"cache_control":\{"type":"ephemeral"(?:,"ttl":"(?:5m|1h)")?\}/g;

/** Pieces that providers drop from the prompt once another turn has begun. */
const DROPPED = new Set(['thinking', 'redacted_thinking', 'reasoning']);

/**
 * The beginnings of a parsed request's prompt, the shortest first: without a message, and after each
 * piece of its messages. Providers count the pieces of a prompt one by one, so what a beginning was
 * counted as in one request it is in the next. None where the provider itself would put in or leave
 * out what it likes.
 */
export function promptBeginnings(
  { family, name: route }: Pick<Route, 'family'> & { name: BilledRoute },
  request: Json,
): PromptBeginning[] {
  const { [MESSAGES[route]]: messages = [], ...others } = request;
  // By entries: a member named `__proto__` is one, too.
  const entries = Object.entries(others);
  const frame: Json = Object.fromEntries(entries.filter(([name]) => !CHANGING.has(name)));
  const short = route === 'messages' ? withoutShortTexts(frame) : [];
  const changing: Json = Object.fromEntries(entries.filter(([name]) => CHANGING.has(name)));
  if (isEditedBeyond(frame)) return [];
  const pieces = [frame, ...piecesOf(messages)];
  const texts = pieces.map((piece) => JSON.stringify(piece) ?? '');
  if (texts.some((text) => text.includes('"tool_reference"'))) return [];
  const sizes = texts.map((text) => Buffer.byteLength(text));
  const beyond = pieces.map((piece) => tokensBeyondBytes(family, piece));
  let rest = Buffer.byteLength(JSON.stringify(changing)) + SEAM_TOKENS + bytesDeferred(frame);
  for (const text of short) rest += Buffer.byteLength(text) + SEAM_TOKENS;
  for (const [index, size] of sizes.entries()) rest += size + (beyond[index] ?? 0) + SEAM_TOKENS;
  const beginnings: PromptBeginning[] = [];
  let digest = '';
  let bytes = 0;
  let droppable = 0;
  for (const [index, text] of texts.slice(0, PROMPT_PIECES).entries()) {
    const covered = text.replaceAll(CACHE_MARK, '');
    const size = covered === text ? (sizes[index] ?? 0) : Buffer.byteLength(covered);
    digest = hash('sha256', `${digest} ${covered}`, 'base64url');
    bytes += size;
    if (index > 0 && isDroppable(pieces[index])) droppable += size;
    rest -= size + (beyond[index] ?? 0) + SEAM_TOKENS;
    // What follows a whole prompt drops no less of it.
    const uncounted = index === pieces.length - 1 ? 0 : droppable;
    beginnings.push({ digest, bytes, uncounted, rest });
  }
  return beginnings;
}

/** Takes the short texts out of the instructions; what they were. */
function withoutShortTexts(frame: Json): string[] {
  if (!Array.isArray(frame.system)) return [];
  const short: string[] = [];
  frame.system = frame.system.filter((block: unknown) => {
    const text = JSON.stringify(block);
    if (!isPlainText(block) || Buffer.byteLength(text) > SHORT_TEXT_BYTES) return true;
    short.push(text);
    return false;
  });
  return short;
}

function isPlainText(block: unknown): boolean {
  if (typeof block !== 'object' || block === null) return false;
  const { type, text, cache_control: _, ...others } = block as Json;
  return type === 'text' && typeof text === 'string' && Object.keys(others).length === 0;
}

/** Whether the provider is asked to shorten the prompt, in another way than by dropping thinking. */
function isEditedBeyond({ context_management: management, truncation }: Json): boolean {
  if (truncation != null && truncation !== 'disabled') return true;
  if (management == null) return false;
  const { edits, ...others } = management as Json;
  if (!Array.isArray(edits) || Object.keys(others).length > 0) return true;
  return !edits.every((edit: unknown) => typeOf(edit).startsWith('clear_thinking'));
}

/** Tools that are no part of the prompt until the model asks for them. */
function bytesDeferred({ tools }: Json): number {
  if (!Array.isArray(tools)) return 0;
  const deferred = tools.filter((tool: unknown) => (tool as Json | null)?.defer_loading != null);
  return Buffer.byteLength(JSON.stringify(deferred));
}

function isDroppable(piece: unknown): boolean {
  if (typeof piece !== 'object' || piece === null) return false;
  return (
    DROPPED.has(typeOf(piece)) || Object.keys(piece).some((name) => name.startsWith('reasoning'))
  );
}

function typeOf(piece: unknown): string {
  const type = (piece as Json | null)?.type;
  return typeof type === 'string' ? type : '';
}

/** Messages, each with a list of parts as that many pieces: the last part is often the only new one. */
function piecesOf(messages: unknown): unknown[] {
  if (!Array.isArray(messages)) return [messages];
  return messages.flatMap((message: unknown) => {
    if (typeof message !== 'object' || message === null) return [message];
    const { content, ...head } = message as Json;
    return Array.isArray(content) ? [head, ...content] : [message];
  });
}
