import type { Reply } from './reply.ts';
import { cutToTokens, tokensOf } from './tokens.ts';

/** Output tokens of a reply: thinking, text and the JSON of every tool call. */
export function outputTokens(reply: Reply): number {
  return tokensOf(reply.text.join('')) + thinkingTokens(reply) + toolTokens(reply);
}

export function thinkingTokens(reply: Reply): number {
  return tokensOf(reply.thinking.join(''));
}

function toolTokens(reply: Reply): number {
  let tokens = 0;
  for (const tool of reply.tools) tokens += tokensOf(tool.name + JSON.stringify(tool.input));
  return tokens;
}

/**
 * The reply as far as the caller's output limit lets it go, as a provider would enforce it. Tool
 * calls that no longer fit are left out whole.
 */
export function withinLimit(reply: Reply, limit: number | null): Reply {
  if (limit === null || outputTokens(reply) <= limit) return reply;
  const thinking = cutPieces(reply.thinking, limit);
  const left = limit - tokensOf(thinking.join(''));
  return { ...reply, thinking, text: cutPieces(reply.text, left), tools: [], stop: 'length' };
}

function cutPieces(pieces: readonly string[], tokens: number): string[] {
  let left = cutToTokens(pieces.join(''), tokens);
  const kept: string[] = [];
  for (const piece of pieces) {
    if (left === '') break;
    const part = left.slice(0, piece.length);
    kept.push(part);
    left = left.slice(part.length);
  }
  return kept;
}
