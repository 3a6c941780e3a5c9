import { hash } from 'node:crypto';
import type { WireFamily } from '@karta/protocol';
import { tokensBeyondBytes } from './bound-input.ts';

/** A beginning of a request's prompt: what it offers and asks with, and its first messages. */
export interface PromptBeginning {
  /** Equal for equal beginnings alone. */
  digest: string;
  /** Bytes that the digest covers. */
  bytes: number;
  /** More tokens than all the rest of the request can be. */
  rest: number;
}

/** Pieces of messages of which beginnings are made; what comes after them is the rest of each. */
export const PROMPT_PIECES = 4_096;
/** Tokens by which a count may grow where two pieces meet, or where a message begins and ends. */
export const SEAM_TOKENS = 16;

type Json = Record<string, unknown>;

/** Where each wire has its messages. */
const MESSAGES: Record<WireFamily, readonly string[]> = {
  anthropic: ['messages'],
  openai: ['messages', 'input'],
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

/**
 * The beginnings of a parsed request's prompt, the shortest first: without a message, and after each
 * piece of its messages. Providers count the pieces of a prompt one by one, so what a beginning was
 * counted as in one request it is in the next.
 */
export function promptBeginnings(family: WireFamily, request: Json): PromptBeginning[] {
  const frame: Json = {};
  const changing: Json = {};
  let messages: unknown = [];
  for (const [name, value] of Object.entries(request)) {
    if (MESSAGES[family].includes(name)) messages = value;
    else if (CHANGING.has(name)) changing[name] = value;
    else frame[name] = value;
  }
  const pieces = [frame, ...piecesOf(messages)];
  const texts = pieces.map((piece) => JSON.stringify(piece) ?? '');
  const sizes = texts.map((text) => Buffer.byteLength(text));
  const beyond = pieces.map((piece) => tokensBeyondBytes(family, piece));
  let rest = Buffer.byteLength(JSON.stringify(changing)) + SEAM_TOKENS;
  for (const [index, size] of sizes.entries()) rest += size + (beyond[index] ?? 0) + SEAM_TOKENS;
  const beginnings: PromptBeginning[] = [];
  let digest = '';
  let bytes = 0;
  for (const [index, text] of texts.slice(0, PROMPT_PIECES).entries()) {
    const covered = text.replaceAll(CACHE_MARK, '');
    const size = covered === text ? (sizes[index] ?? 0) : Buffer.byteLength(covered);
    digest = hash('sha256', `${digest} ${covered}`, 'base64url');
    bytes += size;
    rest -= size + (beyond[index] ?? 0) + SEAM_TOKENS;
    beginnings.push({ digest, bytes, rest });
  }
  return beginnings;
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
