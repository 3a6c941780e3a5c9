import { z } from 'zod';

/**
 * Money in picodollars (1 USD = 10^12), the unit in which every published per-token price is an
 * integer. Held as `bigint`, stored as NUMERIC, sent as a decimal string; never a float.
 */
export type Picodollars = bigint;

export const PICODOLLARS_PER_DOLLAR = 1_000_000_000_000n;

/** Money on the wire: `{"amount":"30450000000","unit":"picousd"}`. */
export const moneyWire = z.strictObject({
  amount: z.string().regex(/^-?(0|[1-9]\d*)$/, 'must be an integer as a decimal string'),
  unit: z.literal('picousd'),
});
export type MoneyWire = z.infer<typeof moneyWire>;

export function moneyToWire(amount: Picodollars): MoneyWire {
  return { amount: amount.toString(), unit: 'picousd' };
}

/** Reads money from the wire. Throws a `ZodError` when the amount is no integer. */
export function moneyFromWire(wire: unknown): Picodollars {
  return BigInt(moneyWire.parse(wire).amount);
}

/** Money for people: `$0.030450`, rounded up to the given digits so that nothing looks free. */
export function formatDollars(amount: Picodollars, digits = 6): string {
  const negative = amount < 0n;
  const magnitude = negative ? -amount : amount;
  const step = 10n ** BigInt(12 - digits);
  const units = (magnitude + step - 1n) / step;
  const scale = 10n ** BigInt(digits);
  const fraction = digits === 0 ? '' : `.${(units % scale).toString().padStart(digits, '0')}`;
  return `${negative ? '-' : ''}$${(units / scale).toString()}${fraction}`;
}
