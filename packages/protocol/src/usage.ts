import { z } from 'zod';

const count = z.int().nonnegative();

/**
 * Tokens of one call or one turn. There is one source: the model proxy's count of what the provider
 * reported. `input_tokens` is all that was sent, with the cached parts included; `output_tokens`
 * includes reasoning.
 */
export const usage = z.strictObject({
  input_tokens: count,
  cache_read_tokens: count,
  cache_write_tokens: count,
  output_tokens: count,
  total_tokens: count,
});
export type Usage = z.infer<typeof usage>;

export const NO_USAGE: Usage = Object.freeze({
  input_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
});

/** The counts a provider reports; the total follows. */
export type UsageCounts = Omit<Usage, 'total_tokens'>;

export function usageOf(counts: UsageCounts): Usage {
  return { ...counts, total_tokens: counts.input_tokens + counts.output_tokens };
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    cache_read_tokens: a.cache_read_tokens + b.cache_read_tokens,
    cache_write_tokens: a.cache_write_tokens + b.cache_write_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
  };
}
