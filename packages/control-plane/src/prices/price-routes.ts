import {
  operatorPrice,
  operatorPriceList,
  type PriceBookWire,
  type PricesQuery,
  priceList,
  pricesQuery,
  setPriceBody,
} from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import type { PriceBooks } from './price-books.ts';
import { listSetPrices, setPrice } from './set-price.ts';

/** What models cost here, for whoever may see usage. */
export function priceRoutes(books: PriceBooks): BoundRoute[] {
  return [
    defineRoute({
      id: 'listPrices',
      summary: 'What models cost: picodollars per token, by provider and model',
      tag: 'usage',
      method: 'get',
      path: '/v1/prices',
      access: 'usage.read',
      query: pricesQuery,
      answers: {
        200: { description: 'The price book in force', content: { 'application/json': priceList } },
      },
      handle: async ({ query }) => json(200, within(await books.current(), query)),
    }),
  ];
}

/** What operators set beside the built-in prices, on the admin plane. */
export function operatorPriceRoutes(database: Database, books: PriceBooks): BoundRoute[] {
  return [
    defineRoute({
      id: 'listSetPrices',
      summary: 'Prices that were set here beside the built-in ones',
      tag: 'prices',
      method: 'get',
      path: '/v1/prices',
      access: 'operator',
      answers: {
        200: { description: 'Prices', content: { 'application/json': operatorPriceList } },
      },
      handle: async () =>
        json(200, {
          version: await books.version(),
          prices: await listSetPrices(database),
          next_cursor: null,
        }),
    }),
    defineRoute({
      id: 'setPrice',
      summary: 'Set what a model costs from a moment on',
      tag: 'prices',
      method: 'post',
      path: '/v1/prices',
      access: 'operator',
      body: setPriceBody,
      answers: {
        201: { description: 'The price', content: { 'application/json': operatorPrice } },
      },
      handle: async ({ caller, body }) => json(201, await setPrice(database, caller, body)),
    }),
  ];
}

/** `GET /v1/internal/doors/prices`: the book in force, for the doors of a node. */
export function doorsPricesRoute(books: PriceBooks): BoundInternalRoute {
  return internalRoute({
    method: 'GET',
    path: '/v1/internal/doors/prices',
    peer: 'doors',
    handle: () => books.current(),
  });
}

function within(book: PriceBookWire, { provider, model }: PricesQuery): PriceBookWire {
  const entries = book.entries.filter(
    (entry) =>
      (provider === undefined || entry.provider === provider) &&
      (model === undefined || fits(entry.model, model)),
  );
  return { version: book.version, entries };
}

function fits(pattern: string, model: string): boolean {
  return pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
}
