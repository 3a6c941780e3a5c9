import { KartaError, type TurnRefusal, type WireFamily } from '@karta/protocol';
import type { CallContext } from '../channels/call-context.ts';
import type { Channel } from '../channels/channel.ts';
import type { Upstream } from '../upstreams/port.ts';
import type { UpstreamKey } from './key-parts.ts';

/** Who answers a call, and under which key. */
export interface ServedBy {
  upstream: Upstream;
  key: UpstreamKey | null;
  /** Where the call goes when the org's own key is refused: only where the org allows it. */
  fallback: ServedBy | null;
}

/** Nobody answers. With `told`, the turn ends for this reason. */
export interface Unserved {
  refusal: 'not_found' | 'overloaded';
  message: string;
  told: TurnRefusal | null;
}

const NOBODY: Unserved = {
  refusal: 'not_found',
  message: 'No model provider serves this wire format.',
  told: null,
};
const UNKNOWN = 'Whether this org has keys of its own is not known at the moment.';

/**
 * Chooses for one call: an own key of the org first, else the platform's. Where nobody can say
 * whether the org has a key the call is not sent: the platform must not pay for what the org wants
 * to pay for itself, and the other way round.
 */
export async function servedBy(
  context: CallContext,
  channel: Channel,
  family: WireFamily,
): Promise<ServedBy | Unserved> {
  const { upstreams, orgs, log } = context;
  if (channel.demo) return { upstream: upstreams.demo, key: null, fallback: null };
  const serving = upstreams.serving(family);
  const platform = serving === null ? null : { ...serving, fallback: null };
  const { orgGrant } = channel.spending;
  // Without a grant nothing of an org is ever known: its budgets refuse what is billed.
  if (orgs === null || orgGrant === null) return platform ?? NOBODY;
  try {
    const rules = await orgs.rules.of(channel.orgId, orgGrant);
    if (rules === null) return unknown();
    for (const provider of rules.own_keys) {
      const key = await orgs.keys.of(channel.orgId, provider, orgGrant);
      const upstream = key === null ? null : orgs.upstreams.at(provider, key.parts);
      if (upstream === null || !upstream.families.includes(family)) continue;
      return { upstream, key, fallback: rules.platform_fallback ? platform : null };
    }
  } catch (error) {
    if (!KartaError.is(error)) throw error;
    log.warn({ err: error, org: channel.orgId }, 'the keys of an org are not known');
    return unknown();
  }
  return platform ?? NOBODY;
}

function unknown(): Unserved {
  const told = { code: 'control_unavailable', message: UNKNOWN, provider: null } as const;
  return { refusal: 'overloaded', message: UNKNOWN, told };
}

/** A provider's status that says that it does not take the key. */
export function refusesKey(status: number): boolean {
  return status === 401 || status === 403;
}
