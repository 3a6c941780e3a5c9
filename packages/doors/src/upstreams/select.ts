import type { WireFamily } from '@karta/protocol';
import type { DoorsConfig } from '../config.ts';
import { platformKey, type UpstreamKey } from '../keys/key-parts.ts';
import { anthropicUpstream } from './anthropic.ts';
import { demoUpstream } from './demo.ts';
import { openaiUpstream } from './openai.ts';
import type { Upstream } from './port.ts';

/** An upstream with the key of the platform, where it needs one. */
export interface PlatformUpstream {
  upstream: Upstream;
  key: UpstreamKey | null;
}

/** The upstreams of this process and which of them serves a family. */
export interface Upstreams {
  /** `null` when nobody serves the family. */
  serving(family: WireFamily): PlatformUpstream | null;
  /** The demo model, for test sessions: there whatever else is configured. */
  readonly demo: Upstream;
  /** Where the operator has configured this provider to be; `null`: nowhere. */
  endpointOf(provider: string): string | null;
  /** Each upstream with the families that it really serves. */
  list(): { upstream: Upstream; families: WireFamily[] }[];
  close(): void;
}

const FAMILIES: readonly WireFamily[] = ['anthropic', 'openai'];

/** Wires are never translated: a family goes to its provider, else to the demo model if there. */
export function selectUpstreams(configured: DoorsConfig['upstreams']): Upstreams {
  const upstreams = configured.map(build);
  const demo = upstreams.find(({ upstream }) => upstream.id === 'demo')?.upstream ?? demoUpstream();
  const serving = (family: WireFamily): PlatformUpstream | null => {
    const able = upstreams.filter(({ upstream }) => upstream.families.includes(family));
    return able.find(({ upstream }) => upstream.id !== 'demo') ?? able[0] ?? null;
  };
  return {
    serving,
    demo,
    endpointOf: (provider) =>
      upstreams.find(({ upstream }) => upstream.id === provider)?.upstream.endpoint ?? null,
    list: () =>
      upstreams.map(({ upstream }) => ({
        upstream,
        families: FAMILIES.filter((family) => serving(family)?.upstream === upstream),
      })),
    close: () => {
      for (const { upstream } of upstreams) upstream.close();
    },
  };
}

function build(configured: DoorsConfig['upstreams'][number]): PlatformUpstream {
  if (configured.id === 'demo') return { upstream: demoUpstream(), key: null };
  const options = { baseUrl: configured.base_url };
  const make = configured.id === 'anthropic' ? anthropicUpstream : openaiUpstream;
  return { upstream: make(options), key: platformKey(configured.api_key) };
}
