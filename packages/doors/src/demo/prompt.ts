import { TOKENS_PER_BLOCK, TOKENS_PER_MEDIA, tokensOf } from './tokens.ts';

/** A model request of any wire, reduced to what the demo model needs to know. */
export interface Prompt {
  model: string;
  stream: boolean;
  /** Chat Completions only: a usage chunk ends the stream. */
  includeUsage: boolean;
  /** The most output tokens, thinking included, or `null` for no limit. */
  maxOutputTokens: number | null;
  system: readonly string[];
  messages: readonly PromptMessage[];
  /** Tool definitions as JSON, for their tokens only. */
  tools: readonly string[];
}

/** One message. Results of tools are messages of the user, as on the Anthropic wire. */
export interface PromptMessage {
  role: 'user' | 'assistant';
  /** What was said, block by block. */
  texts: readonly string[];
  /** Tool calls, tool results and thinking, for their tokens only. */
  other: readonly string[];
  media: number;
}

/** Tokens of all that was sent: the same for an answer, a stream and `count_tokens`. */
export function inputTokens(prompt: Prompt): number {
  let tokens = 0;
  const add = (text: string) => {
    tokens += TOKENS_PER_BLOCK + tokensOf(text);
  };
  prompt.system.forEach(add);
  prompt.tools.forEach(add);
  for (const message of prompt.messages) {
    message.texts.forEach(add);
    message.other.forEach(add);
    tokens += message.media * TOKENS_PER_MEDIA;
  }
  return tokens;
}

/** A request that the wire's own provider would refuse with 400. */
export class BadPrompt extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BadPrompt';
  }
}
