import type { Picodollars } from '../money.ts';
import type { Price, PricedCounts, Rates } from './price.ts';

/**
 * What a call costs, to the picodollar. Counts are whole numbers from 0 on; parts that a provider
 * reports larger than their whole are each paid in full, and the rest counts as nothing.
 */
export function costOf(price: Price, counts: PricedCounts): Picodollars {
  const rates = tierOf(price, counts.input_tokens);
  const read = counts.cache_read_tokens;
  const written = counts.cache_write_tokens;
  const writtenLong = Math.min(counts.cache_write_1h_tokens ?? 0, written);
  const reasoning = Math.min(counts.reasoning_tokens ?? 0, counts.output_tokens);
  return (
    rates.request +
    rates.input * BigInt(Math.max(0, counts.input_tokens - read - written)) +
    rates.cacheRead * BigInt(read) +
    rates.cacheWrite * BigInt(written - writtenLong) +
    rates.cacheWrite1h * BigInt(writtenLong) +
    rates.output * BigInt(counts.output_tokens - reasoning) +
    rates.reasoning * BigInt(reasoning)
  );
}

/** How much input a call has at the most, in tokens, and how it may be cached. */
export interface InputBound {
  tokens: number;
  /** It may be written to the cache that is kept for an hour, which costs most. */
  longCache: boolean;
}

/**
 * The most that a call can cost with this input and at most so many tokens of output, however its
 * input is cached within these bounds and whatever part of its output is reasoning.
 */
export function costBound(price: Price, input: InputBound, maxOutputTokens: number): Picodollars {
  const output = BigInt(maxOutputTokens);
  let most = 0n;
  for (const tier of tiersUpTo(price, input.tokens)) {
    most = more(most, boundIn(tier, input, output));
  }
  return most;
}

/**
 * The largest output limit, in tokens, with which a call of this input is sure to cost no more
 * than `amount`; `null` when its input alone may cost more. Without a price for output
 * the limit is the largest safe integer.
 */
export function affordableOutput(
  price: Price,
  input: InputBound,
  amount: Picodollars,
): number | null {
  let most = BigInt(Number.MAX_SAFE_INTEGER);
  for (const tier of tiersUpTo(price, input.tokens)) {
    const left = amount - boundIn(tier, input, 0n);
    if (left < 0n) return null;
    const rate = outputRate(tier);
    if (rate > 0n && left / rate < most) most = left / rate;
  }
  return Number(most);
}

function tierOf(price: Price, inputTokens: number): Rates {
  return price.above !== null && inputTokens > price.above.inputTokens ? price.above : price;
}

function tiersUpTo(price: Price, maxInputTokens: number): Rates[] {
  const { above } = price;
  return above !== null && maxInputTokens > above.inputTokens ? [price, above] : [price];
}

function boundIn(rates: Rates, { tokens, longCache }: InputBound, output: bigint): Picodollars {
  const { input: plain, cacheRead, cacheWrite, cacheWrite1h } = rates;
  const written = longCache ? more(cacheWrite, cacheWrite1h) : cacheWrite;
  const inputRate = more(more(plain, cacheRead), written);
  return rates.request + inputRate * BigInt(tokens) + outputRate(rates) * output;
}

function outputRate(rates: Rates): bigint {
  return more(rates.output, rates.reasoning);
}

function more(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
