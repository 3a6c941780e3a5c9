import type { BudgetMetric } from '@karta/protocol';

/** What one call, or one request for a block, counts of each metric. */
export interface Counted {
  input_tokens: bigint;
  output_tokens: bigint;
  cost: bigint;
}

/** The part of it that a cap on `metric` counts. */
export function amountOf(metric: BudgetMetric, counted: Counted): bigint {
  if (metric === 'total_tokens') return counted.input_tokens + counted.output_tokens;
  return counted[metric];
}

/** Whole amounts as they are on the wire, read. A cost that nobody knows counts nothing. */
export function countedOf(amounts: {
  input_tokens: string | number;
  output_tokens: string | number;
  cost: string | null;
}): Counted {
  return {
    input_tokens: BigInt(amounts.input_tokens),
    output_tokens: BigInt(amounts.output_tokens),
    cost: BigInt(amounts.cost ?? 0),
  };
}
