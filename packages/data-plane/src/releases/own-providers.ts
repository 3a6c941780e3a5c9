import { type KeyProvider, PROVIDER_FAMILY } from '@karta/protocol';
import type { Upstreams } from './model-check.ts';

/** Providers of which an org has keys of its own, beside what the platform has. */
export interface OwnProviders {
  /** What the platform has, and what the org alone has keys of. */
  upstreams: Upstreams;
  /** Those of them by which alone their wire is served: sandboxes are offered it for their sake. */
  ownWires: readonly KeyProvider[];
}

/** What a publish can reckon with where the org has keys of these providers. */
export function withOwnProviders(platform: Upstreams, own: readonly KeyProvider[]): OwnProviders {
  const speaks = (id: KeyProvider) =>
    platform.some(({ families }) => families.includes(PROVIDER_FAMILY[id]));
  const more = own.filter((provider) => !platform.some(({ id }) => id === provider));
  const ownWires = more.filter((id) => !speaks(id));
  const upstreams = more.map((id) => ({
    id,
    families: speaks(id) ? [] : [PROVIDER_FAMILY[id]],
    responses: false,
    endpoint: 'by the org’s own key',
  }));
  return { upstreams: [...platform, ...upstreams], ownWires };
}
