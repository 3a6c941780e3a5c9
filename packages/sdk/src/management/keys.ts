import type { ApiKeyView, CreateApiKeyBody, CreatedApiKey } from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';

/** The API keys of an org. */
export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(options: PageOptions = {}): PagedList<ApiKeyView> {
    return listOf(this.#transport, '/v1/keys', 'keys', options);
  }

  /** Creates a key. The answer alone holds it. */
  create(body: CreateApiKeyBody): Promise<CreatedApiKey> {
    return this.#transport.json({ method: 'POST', path: '/v1/keys', json: body });
  }

  /** From now on the key is refused, and so is what was minted with it. */
  async revoke(id: string): Promise<void> {
    await this.#transport.json({
      method: 'DELETE',
      path: `/v1/keys/${encodeURIComponent(id)}`,
      goneIsDone: true,
    });
  }
}
