import type { PriceBookWire } from '@karta/protocol';
import type { Transport } from '../transport.ts';

export interface PricesOptions {
  /** Such as `anthropic`. */
  provider?: string;
  /** Only prices that fit a model of this name. */
  model?: string;
  signal?: AbortSignal;
}

/** What models cost on this server. */
export class Prices {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The price book in force, or what of it is asked for: picodollars per token. */
  list(options: PricesOptions = {}): Promise<PriceBookWire> {
    const { provider, model, signal } = options;
    return this.#transport.json({
      method: 'GET',
      path: '/v1/prices',
      query: { provider, model },
      signal,
    });
  }
}
