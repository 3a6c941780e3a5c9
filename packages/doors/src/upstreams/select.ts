import type { WireFamily } from '@karta/protocol';
import type { DoorsConfig } from '../config.ts';
import { anthropicUpstream } from './anthropic.ts';
import { demoUpstream } from './demo.ts';
import { openaiUpstream } from './openai.ts';
import type { Upstream } from './port.ts';

/** The upstreams of this process and which of them serves a family. */
export interface Upstreams {
  /** `null` when nobody serves the family. */
  serving(family: WireFamily): Upstream | null;
  /** The demo model, for test sessions: there whatever else is configured. */
  readonly demo: Upstream;
  /** Each upstream with the families that it really serves. */
  list(): { upstream: Upstream; families: WireFamily[] }[];
  close(): void;
}

const FAMILIES: readonly WireFamily[] = ['anthropic', 'openai'];

/** Wires are never translated: a family goes to its provider, else to the demo model if there. */
export function selectUpstreams(configured: DoorsConfig['upstreams']): Upstreams {
  const upstreams = configured.map(build);
  const demo = upstreams.find(({ id }) => id === 'demo') ?? demoUpstream();
  const serving = (family: WireFamily): Upstream | null => {
    const able = upstreams.filter(({ families }) => families.includes(family));
    return able.find(({ id }) => id !== 'demo') ?? able[0] ?? null;
  };
  return {
    serving,
    demo,
    list: () =>
      upstreams.map((upstream) => ({
        upstream,
        families: FAMILIES.filter((family) => serving(family) === upstream),
      })),
    close: () => {
      for (const upstream of upstreams) upstream.close();
    },
  };
}

function build(configured: DoorsConfig['upstreams'][number]): Upstream {
  if (configured.id === 'demo') return demoUpstream();
  const options = { baseUrl: configured.base_url, apiKey: configured.api_key };
  return configured.id === 'anthropic' ? anthropicUpstream(options) : openaiUpstream(options);
}
