import type { AddressPolicy, NameResolver } from '@karta/service/network';
import { anthropicUpstream } from '../upstreams/anthropic.ts';
import { guardedAgents } from '../upstreams/guarded-agent.ts';
import { openaiUpstream } from '../upstreams/openai.ts';
import { compatibleUpstream } from '../upstreams/openai-compatible.ts';
import { openrouterUpstream } from '../upstreams/openrouter.ts';
import type { Upstream } from '../upstreams/port.ts';
import type { Upstreams } from '../upstreams/select.ts';
import type { KeyParts } from './key-parts.ts';

/** Where providers are, unless the operator has said otherwise for its own key. */
const STANDARD = {
  anthropic: 'https://api.anthropic.com',
  openai: 'https://api.openai.com/v1',
  openrouter: 'https://openrouter.ai/api/v1',
} as const;
/** Compatible servers whose connections are kept; the one used longest ago is closed first. */
const MAX_COMPATIBLE = 1_000;

/** Which addresses a compatible server may be at. */
export interface CompatibleNetwork {
  policy: AddressPolicy;
  resolver: NameResolver;
}

/** The upstreams that calls with orgs' own keys go to. */
export class OwnUpstreams {
  readonly #configured: Pick<Upstreams, 'endpointOf'>;
  readonly #network: CompatibleNetwork;
  readonly #known = new Map<string, Upstream>();

  constructor(configured: Pick<Upstreams, 'endpointOf'>, network: CompatibleNetwork) {
    this.#configured = configured;
    this.#network = network;
  }

  /** Where a call with this key goes; `null` for a provider that these doors do not speak to. */
  at(provider: string, key: KeyParts): Upstream | null {
    switch (provider) {
      case 'anthropic':
        return this.#kept(provider, () => anthropicUpstream({ baseUrl: this.#baseUrl(provider) }));
      case 'openai':
        return this.#kept(provider, () => openaiUpstream({ baseUrl: this.#baseUrl(provider) }));
      case 'openrouter':
        return this.#kept(provider, () => openrouterUpstream({ baseUrl: this.#baseUrl(provider) }));
      case 'openai-compatible':
        return this.#compatible(key.part('base_url'), key.optional('apis') === 'chat,responses');
      default:
        return null;
    }
  }

  close(): void {
    for (const upstream of this.#known.values()) upstream.close();
    this.#known.clear();
  }

  #baseUrl(provider: keyof typeof STANDARD): string {
    return this.#configured.endpointOf(provider) ?? STANDARD[provider];
  }

  #kept(name: string, make: () => Upstream): Upstream {
    const known = this.#known.get(name) ?? make();
    this.#known.set(name, known);
    return known;
  }

  #compatible(baseUrl: string, responses: boolean): Upstream {
    const name = `openai-compatible ${responses} ${baseUrl}`;
    const known = this.#known.get(name);
    this.#known.delete(name);
    const agent = guardedAgents(this.#network);
    const upstream = known ?? compatibleUpstream({ baseUrl, responses, agent });
    this.#known.set(name, upstream);
    this.#dropOldest();
    return upstream;
  }

  #dropOldest(): void {
    if (this.#known.size <= MAX_COMPATIBLE) return;
    for (const [name, upstream] of this.#known) {
      if (!name.startsWith('openai-compatible ')) continue;
      this.#known.delete(name);
      upstream.close();
      return;
    }
  }
}
