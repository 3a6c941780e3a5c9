import { jsonExcess } from '@karta/protocol';
import { GuardError } from './guard-error.ts';
import type { FrameLimits } from './limits.ts';

/** Escapes that may hide a key from a search of the text, a NUL or a lone surrogate. */
const SUSPECT = /__proto__|\\u(?:00|d[89a-f])/i;

export interface HostileJson {
  value: unknown;
  /** A text that parses to `value`, and is the original wherever that was harmless. */
  text: string;
}

/**
 * Parses JSON that a sandbox sent. Size is the caller's to bound; depth and members are counted
 * before anything is allocated for them. Broken UTF-8 and lone surrogates become U+FFFD, so does
 * NUL; a `__proto__` key is dropped, since code behind us may copy keys by assignment.
 *
 * Throws {@link GuardError} `json_too_complex` or `not_json`.
 */
export function parseHostileJson(
  bytes: Uint8Array,
  limits: Pick<FrameLimits, 'jsonDepth' | 'jsonMembers'>,
): HostileJson {
  checkComplexity(bytes, limits);
  // Every broken sequence becomes U+FFFD.
  const text = textOf(bytes);
  try {
    if (!SUSPECT.test(text)) return { value: JSON.parse(text) as unknown, text };
    const value: unknown = JSON.parse(text, clean);
    return { value, text: JSON.stringify(value) };
  } catch (error) {
    throw new GuardError('not_json', 'a frame is not JSON', { cause: nameOf(error) });
  }
}

function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString('utf8');
}

/** `text` without what cannot be stored or sent on: lone surrogates and NUL become U+FFFD. */
export function cleanHostileText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '\uFFFD') : wellFormed;
}

function clean(this: unknown, key: string, value: unknown): unknown {
  if (key === '__proto__') return undefined;
  if (typeof value === 'string') return cleanHostileText(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return cleanKeys(value as Record<string, unknown>);
}

function cleanKeys(value: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(value);
  if (keys.every((key) => cleanHostileText(key) === key)) return value;
  return Object.fromEntries(keys.map((key) => [cleanHostileText(key), value[key]]));
}

function checkComplexity(
  bytes: Uint8Array,
  { jsonDepth, jsonMembers }: Pick<FrameLimits, 'jsonDepth' | 'jsonMembers'>,
): void {
  // A member of an object counts twice, for its colon and its comma.
  const excess = jsonExcess(bytes, { depth: jsonDepth, marks: 2 * jsonMembers });
  if (excess === null) return;
  const what = {
    too_deep: `nested deeper than ${jsonDepth}`,
    too_many: `with more than ${jsonMembers} members`,
  };
  throw new GuardError('json_too_complex', `JSON ${what[excess]}`);
}

/** A parser's message quotes the text, which must reach no log. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}
