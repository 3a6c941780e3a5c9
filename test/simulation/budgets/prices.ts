import { type Price, type PriceBook, priceOf, readPriceBook } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';

/** A model of the built-in book. */
export const MODEL = 'claude-haiku-4-5';

/** A price book, and what it says of the model. */
export interface BookPrice {
  book: PriceBook;
  price: Price;
}

function inBook(book: PriceBook): BookPrice {
  const price = priceOf(book, 'anthropic', MODEL, Date.parse('2026-01-01T00:00:00Z'));
  if (price === null) throw new Error(`the book has no price of ${MODEL}`);
  return { book, price };
}

const BUILT_IN = inBook(BUILT_IN_PRICE_BOOK);
/** A book that an operator makes later, in which everything is dearer. */
const DEARER = inBook(
  readPriceBook({
    version: 'dearer',
    entries: [
      {
        ...{ provider: 'anthropic', model: MODEL, source: 'operator' },
        effective_from: '2026-01-01T00:00:00Z',
        price: {
          ...{ input: '1400000', cache_read: '140000', cache_write: '1750000' },
          output: '7000000',
        },
      },
    ],
  }),
);

/** The price books of a run: the built-in one, and from `dearerAt` on (ms since 1970) another one. */
export class SimulatedPrices {
  readonly #dearerAt: number;

  constructor(dearerAt: number) {
    this.#dearerAt = dearerAt;
  }

  at(now: number): BookPrice {
    return now < this.#dearerAt ? BUILT_IN : DEARER;
  }

  /** The book of this version. Throws when there is none. */
  of(version: string): PriceBook {
    const found = [BUILT_IN, DEARER].find(({ book }) => book.version === version);
    if (found === undefined) throw new Error(`there is no price book ${version}`);
    return found.book;
  }
}
