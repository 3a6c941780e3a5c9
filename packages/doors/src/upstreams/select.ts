import type { WireFamily } from '@karta/protocol';
import type { DoorsConfig } from '../config.ts';
import { platformKey, type UpstreamKey } from '../keys/key-parts.ts';
import type { Route } from '../wire/routes.ts';
import { anthropicUpstream } from './anthropic.ts';
import {
  type CloudAddresses,
  type ConfiguredCloud,
  cloudAddresses,
  cloudUpstream,
} from './cloud-upstream.ts';
import { demoUpstream } from './demo.ts';
import { openaiUpstream } from './openai.ts';
import { compatibleUpstream } from './openai-compatible.ts';
import { openrouterUpstream } from './openrouter.ts';
import type { Upstream } from './port.ts';
import { serves } from './serves.ts';

/** An upstream with the key of the platform, where it needs one. */
export interface PlatformUpstream {
  upstream: Upstream;
  key: UpstreamKey | null;
}

/** The upstreams of this process and which of them serves what. */
export interface Upstreams {
  /** Those that serve a route, in the order in which they are configured. */
  serving(route: Pick<Route, 'family' | 'name'>): readonly PlatformUpstream[];
  /** The demo model, for test sessions: there whatever else is configured. */
  readonly demo: Upstream;
  /** Where the operator has configured this provider to be; `null`: nowhere. */
  endpointOf(provider: string): string | null;
  /** Where the operator has said that a cloud is, in place of its own addresses. */
  cloudAddresses(cloud: ConfiguredCloud['id']): CloudAddresses;
  /** Each upstream with the families that it really serves. */
  list(): { upstream: Upstream; families: WireFamily[] }[];
  close(): void;
}

const FAMILIES: readonly WireFamily[] = ['anthropic', 'openai'];

/** A family goes to its providers; to the demo model, if there, where it has none. */
export function selectUpstreams(configured: DoorsConfig['upstreams']): Upstreams {
  const upstreams = configured.map(build);
  const demo = upstreams.find(({ upstream }) => upstream.id === 'demo')?.upstream ?? demoUpstream();
  const ofFamily = (family: WireFamily): PlatformUpstream[] => {
    const able = upstreams.filter(({ upstream }) => upstream.families.includes(family));
    const real = able.filter(({ upstream }) => upstream.id !== 'demo');
    return real.length > 0 ? real : able;
  };
  /** It is asked with each call, and never changes. */
  const known = new Map<string, PlatformUpstream[]>();
  const serving: Upstreams['serving'] = (route) => {
    const name = `${route.family} ${route.name}`;
    const found = known.get(name);
    if (found !== undefined) return found;
    const able = ofFamily(route.family).filter(({ upstream }) => serves(upstream, route));
    known.set(name, able);
    return able;
  };
  return {
    serving,
    demo,
    endpointOf: (provider) =>
      upstreams.find(({ upstream }) => upstream.id === provider)?.upstream.endpoint ?? null,
    cloudAddresses: (cloud) =>
      cloudAddresses(configured.find((one): one is ConfiguredCloud => one.id === cloud)),
    list: () =>
      upstreams.map(({ upstream }) => ({
        upstream,
        families: FAMILIES.filter((family) =>
          ofFamily(family).some((serving) => serving.upstream === upstream),
        ),
      })),
    close: () => {
      for (const { upstream } of upstreams) upstream.close();
    },
  };
}

function build(configured: DoorsConfig['upstreams'][number]): PlatformUpstream {
  switch (configured.id) {
    case 'demo':
      return { upstream: demoUpstream(), key: null };
    case 'anthropic':
      return keyed(anthropicUpstream({ baseUrl: configured.base_url }), configured.api_key);
    case 'openai':
      return keyed(openaiUpstream({ baseUrl: configured.base_url }), configured.api_key);
    case 'openrouter':
      return keyed(openrouterUpstream({ baseUrl: configured.base_url }), configured.api_key);
    case 'openai-compatible': {
      const { base_url: baseUrl, responses, api_key } = configured;
      return keyed(compatibleUpstream({ baseUrl, responses }), api_key);
    }
    case 'bedrock':
    case 'vertex':
      return cloudUpstream(configured);
  }
}

function keyed(upstream: Upstream, apiKey: string): PlatformUpstream {
  return { upstream, key: platformKey(apiKey) };
}
