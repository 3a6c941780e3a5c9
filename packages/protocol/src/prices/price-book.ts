import { z } from 'zod';
import { modelPrice, type Price, readPrice } from './price.ts';

/** A model's name, or the beginning of names followed by `*`. */
export const modelPattern = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[\w.:@/-]+\*?$|^\*$/, 'must be a model name, with at most one * at its end');

/** A price from a moment on. */
export const priceEntry = z.strictObject({
  /** As usage names it: `anthropic`, `openai`, `bedrock`, `vertex`, `openrouter`, … */
  provider: z.string().min(1).max(64),
  model: modelPattern,
  /** Calls that begin before have the price before. */
  effective_from: z.iso.datetime({ offset: true }),
  /** Of two that fit equally, the operator's counts. */
  source: z.enum(['built_in', 'operator']),
  price: modelPrice,
});
export type PriceEntry = z.infer<typeof priceEntry>;

/** A price book on the wire. The same version always has the same entries. */
export const priceBookWire = z.strictObject({
  version: z.string().min(1).max(64),
  entries: z.array(priceEntry).max(10_000),
});
export type PriceBookWire = z.infer<typeof priceBookWire>;

/** A price book in which prices are looked up. */
export interface PriceBook {
  readonly version: string;
  readonly providers: ReadonlyMap<string, ProviderPrices>;
}

interface ProviderPrices {
  exact: Map<string, DatedPrice[]>;
  prefixes: Map<string, DatedPrice[]>;
  /** Of the prefixes, the longest first: a look-up costs a few of these, however long the book. */
  lengths: number[];
}

/** In the order in which they are tried: the operator's first, the latest first. */
interface DatedPrice {
  from: number;
  operators: boolean;
  price: Price;
}

/** Reads a book that has been checked against {@link priceBookWire}. */
export function readPriceBook({ version, entries }: PriceBookWire): PriceBook {
  const providers = new Map<string, ProviderPrices>();
  for (const entry of entries) {
    const of = providers.get(entry.provider) ?? noPrices();
    providers.set(entry.provider, of);
    const isPrefix = entry.model.endsWith('*');
    const known = isPrefix ? of.prefixes : of.exact;
    const name = isPrefix ? entry.model.slice(0, -1) : entry.model;
    const prices = known.get(name) ?? [];
    known.set(name, prices);
    prices.push({
      from: Date.parse(entry.effective_from),
      operators: entry.source === 'operator',
      price: readPrice(entry.price),
    });
  }
  for (const of of providers.values()) {
    for (const prices of [...of.exact.values(), ...of.prefixes.values()]) {
      // A later entry of the book rules over an earlier one of the same moment.
      prices.reverse().sort((a, b) => Number(b.operators) - Number(a.operators) || b.from - a.from);
    }
    of.lengths = [...new Set([...of.prefixes.keys()].map((prefix) => prefix.length))];
    of.lengths.sort((a, b) => b - a);
  }
  return { version, providers };
}

function noPrices(): ProviderPrices {
  return { exact: new Map(), prefixes: new Map(), lengths: [] };
}

/**
 * What a call costs that begins at `at` (ms since 1970): the price of the model's very name, else of
 * the longest beginning of it that has one by then. `null`: the book has no price for it.
 */
export function priceOf(
  book: PriceBook,
  provider: string,
  model: string,
  at: number,
): Price | null {
  const of = book.providers.get(provider);
  if (of === undefined) return null;
  const exact = inForce(of.exact.get(model), at);
  if (exact !== null) return exact;
  for (const length of of.lengths) {
    const price = inForce(of.prefixes.get(model.slice(0, length)), at);
    if (price !== null) return price;
  }
  return null;
}

function inForce(prices: DatedPrice[] | undefined, at: number): Price | null {
  return prices?.find(({ from }) => from <= at)?.price ?? null;
}
