import { z } from 'zod';
import { modelPrice } from '../prices/price.ts';
import { modelPattern, priceBookWire, priceEntry } from '../prices/price-book.ts';
import { callProvider } from './provider-keys.ts';

/** Query of `GET /v1/prices`. */
export const pricesQuery = z.strictObject({
  provider: z.string().min(1).max(64).optional(),
  /** Only entries that fit a model of this name. */
  model: z.string().min(1).max(200).optional(),
});
export type PricesQuery = z.infer<typeof pricesQuery>;

/** Answer of `GET /v1/prices`: the book in force, or what of it was asked for. */
export const priceList = priceBookWire;

/** `POST /v1/prices` on the operator's admin plane: a price from a moment on. */
export const setPriceBody = z.strictObject({
  /** A price of any other would never count. */
  provider: callProvider,
  model: modelPattern,
  /** Left out: now. Never in the past: what a call cost does not change. */
  effective_from: z.iso.datetime({ offset: true }).optional(),
  /** Picodollars per token, as strings: $3 a million tokens is `"3000000"`. */
  price: modelPrice,
});
export type SetPriceBody = z.infer<typeof setPriceBody>;

/** A price that an operator has set. */
export const operatorPrice = z.strictObject({
  seq: z.int().positive(),
  ...priceEntry.omit({ source: true }).shape,
  made_by: z.string(),
  created_at: z.iso.datetime({ offset: true }),
});
export type OperatorPrice = z.infer<typeof operatorPrice>;

/** `GET /v1/prices` on the admin plane. */
export const operatorPriceList = z.strictObject({
  /** Of the book in force. */
  version: z.string(),
  prices: z.array(operatorPrice),
  next_cursor: z.null(),
});
