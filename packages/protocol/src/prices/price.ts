import { z } from 'zod';
import type { UsageCounts } from '../usage.ts';

/** A price: whole picodollars as a decimal string. */
const rate = z.string().regex(/^(0|[1-9]\d{0,17})$/, 'must be whole picodollars, as a string');

const rates = {
  /** Of a token that no cache read or stored. */
  input: rate,
  cache_read: rate,
  /** Of a token that a cache stored for the provider's shortest time (Anthropic: 5 minutes). */
  cache_write: rate,
  /** Of one stored for an hour; left out where the provider has no such price. */
  cache_write_1h: rate.optional(),
  output: rate,
  /** Of a token of reasoning; left out where it costs what output costs. */
  reasoning: rate.optional(),
  /** Of each call, whatever it takes. */
  request: rate.optional(),
};

/**
 * What a model costs: picodollars per token (1 USD a million tokens = 1,000,000), so that every
 * published price is exact.
 */
export const modelPrice = z.strictObject({
  ...rates,
  /** Other rates for every token of a call whose whole input is above so many tokens. */
  above: z.strictObject({ input_tokens: z.int().positive(), ...rates }).optional(),
});
export type ModelPrice = z.infer<typeof modelPrice>;

/** Rates of one tier, as they are reckoned with. Picodollars. */
export interface Rates {
  readonly input: bigint;
  readonly cacheRead: bigint;
  readonly cacheWrite: bigint;
  readonly cacheWrite1h: bigint;
  readonly output: bigint;
  readonly reasoning: bigint;
  readonly request: bigint;
}

/** A price as it is reckoned with. */
export interface Price extends Rates {
  readonly above: (Rates & { readonly inputTokens: number }) | null;
}

/** The parts of a provider's count that have a price of their own. */
export interface PricedCounts extends UsageCounts {
  /** The part of `cache_write_tokens` that was stored for an hour. */
  cache_write_1h_tokens?: number;
  /** The part of `output_tokens` that was reasoning. */
  reasoning_tokens?: number;
}

/** Reads a price, checked before, into integers. */
export function readPrice(price: ModelPrice): Price {
  const { above } = price;
  const tier = above === undefined ? null : { ...ratesOf(above), inputTokens: above.input_tokens };
  return { ...ratesOf(price), above: tier };
}

function ratesOf(wire: Omit<ModelPrice, 'above'>): Rates {
  return {
    input: BigInt(wire.input),
    cacheRead: BigInt(wire.cache_read),
    cacheWrite: BigInt(wire.cache_write),
    cacheWrite1h: BigInt(wire.cache_write_1h ?? wire.cache_write),
    output: BigInt(wire.output),
    reasoning: BigInt(wire.reasoning ?? wire.output),
    request: BigInt(wire.request ?? '0'),
  };
}
