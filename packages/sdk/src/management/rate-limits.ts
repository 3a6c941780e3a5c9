import type { CreateRateLimitBody, PatchRateLimitBody, RateLimitView } from '@karta/protocol';
import { listOf, type PagedList } from '../page.ts';
import type { Transport } from '../transport.ts';

/** How many requests, tokens and turns the org, its projects, keys and end users may have. */
export class RateLimits {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Those that rule in the org, the operator's too. */
  list(): PagedList<RateLimitView> {
    return listOf(this.#transport, '/v1/rate_limits', 'rate_limits', {});
  }

  /** On the object that is named, or without a `scope_id` on each of its kind. */
  create(body: CreateRateLimitBody): Promise<RateLimitView> {
    return this.#transport.json({ method: 'POST', path: '/v1/rate_limits', json: body });
  }

  get(id: string): Promise<RateLimitView> {
    return this.#transport.json({ method: 'GET', path: limitPath(id) });
  }

  /** What is left out stays, `null` takes a figure away. Counts within a second. */
  update(id: string, change: PatchRateLimitBody): Promise<RateLimitView> {
    return this.#transport.json({ method: 'PATCH', path: limitPath(id), json: change });
  }

  async delete(id: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: limitPath(id), goneIsDone: true });
  }
}

function limitPath(id: string): string {
  return `/v1/rate_limits/${encodeURIComponent(id)}`;
}
