import { formatDollars, type PriceEntry } from '@karta/protocol';
import type { Column } from './table.ts';

/** What models cost, in dollars for a million tokens. */
export const PRICE_COLUMNS: readonly Column<{
  provider: string;
  model: string;
  price: Pick<PriceEntry['price'], 'input' | 'cache_read' | 'cache_write' | 'output'>;
}>[] = [
  ['provider', (entry) => entry.provider],
  ['model', (entry) => entry.model],
  ['input', ({ price }) => perMillion(price.input)],
  ['cache read', ({ price }) => perMillion(price.cache_read)],
  ['cache write', ({ price }) => perMillion(price.cache_write)],
  ['output', ({ price }) => perMillion(price.output)],
];

/** Picodollars per token as dollars for a million. */
export function perMillion(rate: string): string {
  const exact = formatDollars(BigInt(rate) * 1_000_000n);
  // Prices have mostly two decimals; what is beyond is shown where there is any.
  return exact.replace(/(\.\d\d\d*?)0+$/, '$1');
}
