import type {
  ProviderKey,
  ProviderKeyList,
  ProviderKeySettings,
  ProviderKeyTest,
  SetProviderKeyBody,
} from '@karta/protocol';
import type { Transport } from '../transport.ts';

/** The org's own keys of model providers: written once, never read back. */
export class ProviderKeys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The active keys, in the order in which they are used, and what happens when one is refused. */
  list(): Promise<ProviderKeyList> {
    return this.#transport.json({ method: 'GET', path: '/v1/provider_keys' });
  }

  /** Makes this the active key of its provider; the one before is destroyed. */
  set(body: SetProviderKeyBody): Promise<ProviderKey> {
    return this.#transport.json({ method: 'POST', path: '/v1/provider_keys', json: body });
  }

  get(id: string): Promise<ProviderKey> {
    return this.#transport.json({ method: 'GET', path: keyPath(id) });
  }

  /** Asks the provider whether it takes the key. */
  test(id: string): Promise<ProviderKeyTest> {
    return this.#transport.json({ method: 'POST', path: `${keyPath(id)}/test`, json: {} });
  }

  /** Destroys a key: nobody can read it any more. */
  async destroy(id: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: keyPath(id), goneIsDone: true });
  }

  /** Whether calls go on with the platform's key where an own one is refused. */
  settings(settings: ProviderKeySettings): Promise<ProviderKeyList> {
    return this.#transport.json({ method: 'PATCH', path: '/v1/provider_keys', json: settings });
  }
}

function keyPath(id: string): string {
  return `/v1/provider_keys/${encodeURIComponent(id)}`;
}
