import type { CreateOrgBody, Me, Org, OwnOrg, PatchOrgBody } from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';

/** The orgs of the person who calls, and the one that is worked in. */
export class Orgs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Who is signed in, with all their orgs. For people; an API key is refused. */
  me(options: { signal?: AbortSignal } = {}): Promise<Me> {
    return this.#transport.json({ method: 'GET', path: '/v1/me', signal: options.signal });
  }

  list(options: PageOptions = {}): PagedList<OwnOrg> {
    return listOf(this.#transport, '/v1/orgs', 'orgs', options);
  }

  /** Creates an org that the caller owns. Its slug never changes. */
  create(body: CreateOrgBody): Promise<OwnOrg> {
    return this.#transport.json({ method: 'POST', path: '/v1/orgs', json: body });
  }

  /** The org that is worked in. */
  get(options: { signal?: AbortSignal } = {}): Promise<Org> {
    return this.#transport.json({ method: 'GET', path: '/v1/org', signal: options.signal });
  }

  update(body: PatchOrgBody): Promise<Org> {
    return this.#transport.json({ method: 'PATCH', path: '/v1/org', json: body });
  }

  /** Deletes the org that is worked in, with all in it; `confirm` is its slug. */
  async delete(confirm: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: '/v1/org', json: { confirm } });
  }
}
