/**
 * The demo model's tokenizer: one token for every four UTF-16 units of a text, the last one begun
 * counting whole. Four characters a token is the usual rule of thumb for English; what matters here
 * is that the count depends on the text alone. It is taken of whole blocks, never of the pieces in
 * which they are streamed, so streaming, whole answers and `count_tokens` agree.
 */
export const UNITS_PER_TOKEN = 4;

/** What a message, a tool definition or a system block costs beside its text. */
export const TOKENS_PER_BLOCK = 3;

/** An image or document, whose bytes say nothing about its tokens. */
export const TOKENS_PER_MEDIA = 1_500;

/** Tokens of one block of text. */
export function tokensOf(text: string): number {
  return tokensOfLength(text.length);
}

/** Tokens of a text of `units` UTF-16 units. */
export function tokensOfLength(units: number): number {
  return Math.ceil(units / UNITS_PER_TOKEN);
}

/** The longest beginning of `text` that costs at most `tokens`, never half a surrogate pair. */
export function cutToTokens(text: string, tokens: number): string {
  const cut = text.slice(0, Math.max(0, tokens) * UNITS_PER_TOKEN);
  return cut.isWellFormed() || !text.isWellFormed() ? cut : cut.slice(0, -1);
}
