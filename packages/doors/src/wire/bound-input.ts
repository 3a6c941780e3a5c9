import type { InputBound, WireFamily } from '@karta/protocol';
import { anthropicReach, openaiReach } from './provider-reach.ts';

/**
 * Tokens that a provider may count beyond the bytes it is sent: a token of text is a byte at least,
 * but an image or a page is counted by its size, and some tools by a prompt of the provider's own.
 */
export const BEYOND_BYTES = {
  /** An image: the most that a model of the family counts for one, whatever its bytes. */
  image: { anthropic: 5_000, openai: 50_000 } satisfies Record<WireFamily, number>,
  /** A document whose pages are counted as text and as pictures. */
  document: 200_000,
  /** A tool that the provider describes to its model by itself. */
  knownTool: 2_000,
  /** Prompts that a provider adds to each request, as for tools as such. */
  request: 1_000,
} as const;

/** What has a provider read more than it is sent. */
const STORED = ['previous_response_id', 'conversation', 'prompt', 'container', 'mcp_servers'];

type Json = Record<string, unknown>;

/** More tokens than the input of a request can be, or why nobody can say. */
export type BoundInput = InputBound | { problem: string };

/** Bounds the input of a parsed request of `bytes`, as a cap needs it. */
export function boundInput(family: WireFamily, request: Json, bytes: number): BoundInput {
  const stored = STORED.find((member) => request[member] != null && !isEmptyList(request[member]));
  if (stored !== undefined) return unbounded(stored);
  const reach =
    family === 'anthropic'
      ? anthropicReach(Buffer.from(JSON.stringify(request)))
      : { problem: openaiReach(request) };
  if ('problem' in reach && reach.problem !== null) {
    return unbounded('what the provider would fetch or run by itself');
  }
  const beyond = new Beyond(family);
  beyond.look(request);
  if (beyond.named !== null) return unbounded(beyond.named);
  const tokens = bytes + BEYOND_BYTES.request + beyond.tokens;
  return { tokens, longCache: beyond.longCache };
}

/** Tokens that a piece of a request may count beyond its bytes. */
export function tokensBeyondBytes(family: WireFamily, piece: unknown): number {
  const beyond = new Beyond(family);
  beyond.look(piece);
  return beyond.tokens;
}

/** Adds up what the parts of a request count beyond their bytes. */
class Beyond {
  tokens = 0;
  /** Some of it is to be cached for another time than the usual five minutes. */
  longCache = false;
  /** A part that lies at the provider. */
  named: string | null = null;
  readonly #family: WireFamily;

  constructor(family: WireFamily) {
    this.#family = family;
  }

  look(value: unknown): void {
    if (Array.isArray(value)) for (const item of value) this.look(item);
    if (!isObject(value)) return;
    if (value.file_id != null) this.named = 'file_id';
    if (isObject(value.cache_control)) this.longCache ||= isLong(value.cache_control);
    this.tokens += this.#part(value);
    for (const inner of Object.values(value)) this.look(inner);
    if (Array.isArray(value.tools)) {
      const known = value.tools.filter((tool) => isObject(tool) && !isDescribed(tool));
      this.tokens += known.length * BEYOND_BYTES.knownTool;
    }
  }

  #part({ type, source, file }: Json): number {
    switch (type) {
      case 'image':
      case 'image_url':
      case 'input_image':
      case 'computer_screenshot':
        return BEYOND_BYTES.image[this.#family];
      case 'document':
        return isObject(source) && (source.type === 'text' || source.type === 'content')
          ? 0
          : BEYOND_BYTES.document;
      case 'file':
      case 'input_file':
        return file === undefined && type === 'file' ? 0 : BEYOND_BYTES.document;
      default:
        return 0;
    }
  }
}

/** Without a time Anthropic keeps it for five minutes. */
function isLong({ ttl }: Json): boolean {
  return ttl != null && ttl !== '5m';
}

/** A tool that the request itself describes. */
function isDescribed({ type }: Json): boolean {
  return type == null || type === 'custom' || type === 'function' || type === 'namespace';
}

function unbounded(what: string): { problem: string } {
  return {
    problem: `A budget rules this call, and with ${what} nobody can say beforehand what it costs.`,
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
