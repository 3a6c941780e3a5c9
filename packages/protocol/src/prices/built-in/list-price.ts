import { dollarsPerMillion } from '../dollars-per-million.ts';
import type { ModelPrice } from '../price.ts';
import type { PriceEntry } from '../price-book.ts';

/** From before any call that these lists are for. */
export const ALWAYS = '2025-01-01T00:00:00Z';

/** A model as its maker lists it: its name, and its prices with the days from which they count. */
export interface ListedModel {
  name: string;
  prices: readonly { from: string; price: ModelPrice }[];
}

/** Multiplies a price by a fraction. Throws a `RangeError` when that is no whole picodollar. */
export function times(amount: string, numerator: bigint, denominator: bigint): string {
  const product = BigInt(amount) * numerator;
  if (product % denominator !== 0n) throw new RangeError(`${amount} is not divisible enough.`);
  return (product / denominator).toString();
}

/** A price with every amount multiplied, as for an endpoint that costs more. */
export function scaled(price: ModelPrice, numerator: bigint, denominator: bigint): ModelPrice {
  const { above, ...rates } = price;
  const scale = (of: Omit<ModelPrice, 'above'>) =>
    // The keys stay as they are, and those that are there have amounts.
    Object.fromEntries(
      Object.entries(of).map(([key, amount = '0']) => [key, times(amount, numerator, denominator)]),
    ) as Omit<ModelPrice, 'above'>;
  if (above === undefined) return scale(rates);
  const { input_tokens, ...tier } = above;
  return { ...scale(rates), above: { input_tokens, ...scale(tier) } };
}

/** Dollars for a million tokens, as in the tables that makers publish. */
export function perMillion(rates: {
  input: string;
  cacheRead: string;
  cacheWrite: string;
  cacheWrite1h?: string;
  output: string;
}): ModelPrice {
  const { input, cacheRead, cacheWrite, cacheWrite1h, output } = rates;
  return {
    input: dollarsPerMillion(input),
    cache_read: dollarsPerMillion(cacheRead),
    cache_write: dollarsPerMillion(cacheWrite),
    ...(cacheWrite1h === undefined ? {} : { cache_write_1h: dollarsPerMillion(cacheWrite1h) }),
    output: dollarsPerMillion(output),
  };
}

/** Entries of a provider for each of a model's `patterns`. */
export function entriesOf(
  provider: string,
  patterns: readonly string[],
  prices: ListedModel['prices'],
): PriceEntry[] {
  return patterns.flatMap((model) =>
    prices.map(({ from, price }) => ({
      provider,
      model,
      effective_from: from,
      source: 'built_in' as const,
      price,
    })),
  );
}
