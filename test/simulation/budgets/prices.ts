import { type Price, priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';

export const BOOK = BUILT_IN_PRICE_BOOK;
/** A model of the built-in book. */
export const MODEL = 'claude-haiku-4-5';

const price = priceOf(BOOK, 'anthropic', MODEL, Date.parse('2026-01-01T00:00:00Z'));
if (price === null) throw new Error(`the book has no price of ${MODEL}`);
export const PRICE: Price = price;
