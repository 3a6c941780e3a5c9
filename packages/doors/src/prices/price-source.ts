import { type PriceBook, priceBookWire, readPriceBook } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import type { Logger } from 'pino';
import type { DoorsControl } from '../control/port.ts';

/** After a book could not be had the one at hand serves for so long, in ms. */
const RETRY_MS = 5_000;
/** Books that are kept: while planes of two versions run, both are asked for by turns. */
const KEPT_BOOKS = 4;

/**
 * The price books that calls are priced by. Whoever asks names the version that an org's rules name;
 * a book that is not at hand is fetched, once for all who ask. Without a control plane there is the
 * built-in one.
 */
export class PriceSource {
  readonly #control: Pick<DoorsControl, 'prices'> | null;
  readonly #log: Pick<Logger, 'warn' | 'info'>;
  readonly #now: () => number;
  readonly #books = new Map([[BUILT_IN_PRICE_BOOK.version, BUILT_IN_PRICE_BOOK]]);
  #latest: PriceBook = BUILT_IN_PRICE_BOOK;
  #fetching: Promise<PriceBook> | null = null;
  #failedAt = Number.NEGATIVE_INFINITY;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(
    control: Pick<DoorsControl, 'prices'> | null,
    log: Pick<Logger, 'warn' | 'info'>,
    now: () => number = () => performance.now(),
  ) {
    this.#control = control;
    this.#log = log;
    this.#now = now;
  }

  /** The book that was asked for last, or the built-in one. */
  get latest(): PriceBook {
    return this.#latest;
  }

  /**
   * The book of this version, at once where it is at hand. While it cannot be had, the latest one:
   * each call's cost names the book that it is by.
   */
  inForce(version: string): PriceBook | Promise<PriceBook> {
    const held = this.#books.get(version);
    if (held !== undefined) {
      this.#latest = held;
      return held;
    }
    if (this.#control === null || this.#now() - this.#failedAt < RETRY_MS) return this.#latest;
    this.#fetching ??= this.#fetch(this.#control).finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #fetch(control: Pick<DoorsControl, 'prices'>): Promise<PriceBook> {
    try {
      const book = readPriceBook(await control.prices(priceBookWire));
      this.#log.info({ version: book.version }, 'a price book is in force');
      this.#books.set(book.version, book);
      const [oldest] = this.#books.keys();
      if (this.#books.size > KEPT_BOOKS && oldest !== undefined) this.#books.delete(oldest);
      this.#latest = book;
      return book;
    } catch (error) {
      this.#failedAt = this.#now();
      this.#log.warn({ err: error, held: this.#latest.version }, 'no newer price book can be had');
      return this.#latest;
    }
  }
}
