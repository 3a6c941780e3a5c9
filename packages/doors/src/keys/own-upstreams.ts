import { awsRegion, vertexLocation } from '@karta/protocol';
import type { AddressPolicy, NameResolver } from '@karta/service/network';
import { anthropicUpstream } from '../upstreams/anthropic.ts';
import { bedrockUpstream } from '../upstreams/bedrock/bedrock.ts';
import { guardedConnector } from '../upstreams/guarded-connector.ts';
import { openaiUpstream } from '../upstreams/openai.ts';
import { compatibleUpstream } from '../upstreams/openai-compatible.ts';
import { openrouterUpstream } from '../upstreams/openrouter.ts';
import type { Upstream } from '../upstreams/port.ts';
import type { Upstreams } from '../upstreams/select.ts';
import { unusableKey } from '../upstreams/unusable-key.ts';
import { vertexUpstream } from '../upstreams/vertex/vertex.ts';
import type { KeyParts } from './key-parts.ts';

/** Where providers are, unless the operator has said otherwise for its own key. */
const STANDARD = {
  anthropic: 'https://api.anthropic.com',
  openai: 'https://api.openai.com/v1',
  openrouter: 'https://openrouter.ai/api/v1',
} as const;
/** Servers that keys name whose connections are kept; the one used longest ago is closed first. */
const MAX_NAMED = 1_000;

/** Which addresses a compatible server may be at. */
export interface CompatibleNetwork {
  policy: AddressPolicy;
  resolver: NameResolver;
}

/** Where the operator has said that providers are. */
type OperatorsAddresses = Pick<Upstreams, 'endpointOf' | 'cloudAddresses'>;

/** The upstreams that calls with orgs' own keys go to. */
export class OwnUpstreams {
  readonly #configured: OperatorsAddresses;
  readonly #network: CompatibleNetwork;
  readonly #known = new Map<string, Upstream>();

  constructor(configured: OperatorsAddresses, network: CompatibleNetwork) {
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
      case 'bedrock':
        return this.#bedrock(key.part('region'));
      case 'vertex':
        return this.#vertex(key.part('location'));
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

  /** Of a key that names where its provider is: there may be as many as there are orgs. */
  #named(name: string, make: () => Upstream): Upstream {
    const known = this.#known.get(name) ?? make();
    this.#known.delete(name);
    this.#known.set(name, known);
    this.#dropOldest();
    return known;
  }

  #compatible(baseUrl: string, responses: boolean): Upstream {
    return this.#named(`openai-compatible ${responses} ${baseUrl}`, () =>
      compatibleUpstream({ baseUrl, responses, connect: guardedConnector(this.#network) }),
    );
  }

  #bedrock(region: string): Upstream {
    if (!awsRegion.safeParse(region).success) return unusableKey('bedrock');
    const { baseUrl } = this.#configured.cloudAddresses('bedrock');
    return this.#named(`bedrock ${region}`, () => bedrockUpstream({ region, baseUrl }));
  }

  #vertex(location: string): Upstream {
    if (!vertexLocation.safeParse(location).success) return unusableKey('vertex');
    const addresses = this.#configured.cloudAddresses('vertex');
    return this.#named(`vertex ${location}`, () =>
      vertexUpstream({ location, project: null, ...addresses }),
    );
  }

  #dropOldest(): void {
    if (this.#known.size <= MAX_NAMED) return;
    for (const [name, upstream] of this.#known) {
      if (!name.includes(' ')) continue;
      this.#known.delete(name);
      upstream.close();
      return;
    }
  }
}
