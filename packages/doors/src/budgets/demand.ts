import {
  affordableOutput,
  type BudgetMetric,
  costBound,
  type Price,
  type SpendAmounts,
} from '@karta/protocol';

/** What a call may take at the most, before it is sent. Tokens. */
export interface Demand {
  /** More than its input can be. */
  input: number;
  /** Its input may be written to the cache that is kept for an hour. */
  longCache: boolean;
  /** With less output than this it is not worth sending. */
  minOutput: number;
  /** The output limit that it asks for. */
  wantedOutput: number;
  /** `null`: its model has no price, and costs nothing by any cap. */
  price: Price | null;
}

/** Amounts of one call: tokens, and picodollars. */
export interface Amounts {
  input_tokens: bigint;
  output_tokens: bigint;
  cost: bigint;
}

/** What the call takes at the most with this output limit. */
export function amountsAt({ input, longCache, price }: Demand, output: number): Amounts {
  return {
    input_tokens: BigInt(input),
    output_tokens: BigInt(output),
    cost: price === null ? 0n : costBound(price, { tokens: input, longCache }, output),
  };
}

/** The part of amounts that a cap counts. */
export function counted(metric: BudgetMetric, amounts: Amounts): bigint {
  switch (metric) {
    case 'total_tokens':
      return amounts.input_tokens + amounts.output_tokens;
    default:
      return amounts[metric];
  }
}

/** The largest output limit that `available` of a metric covers; `null` when not even the input. */
export function outputWithin(
  metric: BudgetMetric,
  { input, longCache, price }: Demand,
  available: bigint,
): number | null {
  switch (metric) {
    case 'input_tokens':
      return available >= BigInt(input) ? Number.MAX_SAFE_INTEGER : null;
    case 'output_tokens':
      return toCount(available);
    case 'total_tokens':
      return available >= BigInt(input) ? toCount(available - BigInt(input)) : null;
    case 'cost':
      if (price === null) return Number.MAX_SAFE_INTEGER;
      return affordableOutput(price, { tokens: input, longCache }, available);
  }
}

/** Amounts as they are asked for: what each metric needs, where nothing is needed 0. */
export function toWire(amounts: Amounts): SpendAmounts {
  return {
    input_tokens: amounts.input_tokens.toString(),
    output_tokens: amounts.output_tokens.toString(),
    cost: amounts.cost.toString(),
  };
}

/** The largest of these, at least 0. */
export function largest(amounts: readonly bigint[]): bigint {
  return amounts.reduce((most, amount) => (amount > most ? amount : most), 0n);
}

const MOST = BigInt(Number.MAX_SAFE_INTEGER);

function toCount(amount: bigint): number {
  return Number(amount < MOST ? amount : MOST);
}
