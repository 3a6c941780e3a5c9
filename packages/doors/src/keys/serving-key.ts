import {
  KartaError,
  type KeyProvider,
  PROVIDER_FAMILY,
  type ProviderModel,
  providerModelOf,
  type TurnRefusal,
} from '@karta/protocol';
import type { CallContext } from '../channels/call-context.ts';
import type { Channel } from '../channels/channel.ts';
import type { Upstream } from '../upstreams/port.ts';
import type { PlatformUpstream } from '../upstreams/select.ts';
import { serves } from '../upstreams/serves.ts';
import type { Route } from '../wire/routes.ts';
import type { UpstreamKey } from './key-parts.ts';

/** Who answers a call, and under which key. */
export interface ServedBy {
  upstream: Upstream;
  key: UpstreamKey | null;
  /** The model, as this upstream names it. */
  model: string;
  /** Whether the org lets the platform's key stand in for its own. */
  platformAllowed: boolean;
  /** Where the call goes when the org's own key is refused; `null`: nowhere. */
  onRefusedKey: ServedBy | null;
}

/** Nobody answers. With `told`, the turn ends for this reason. */
export interface Unserved {
  refusal: 'not_found' | 'overloaded';
  message: string;
  told: TurnRefusal | null;
}

/** What is asked: a route of a wire, and the model as the request names it. */
export interface AskedModel {
  route: Pick<Route, 'family' | 'name'>;
  model: string;
}

/** What is known of an org's own keys, in the order in which they are used. */
interface OwnKeys {
  providers: readonly string[];
  platformAllowed: boolean;
  keyOf(provider: string): Promise<UpstreamKey | null>;
}

const NO_OWN_KEYS: OwnKeys = { providers: [], platformAllowed: true, keyOf: async () => null };
const UNKNOWN = 'Whether this org has keys of its own is not known at the moment.';

/**
 * Chooses for one call: an own key of the org first, else the platform's, each in their order. A
 * model that is named with its provider goes there and nowhere else. Where nobody can say whether
 * the org has a key the call is not sent: the platform must not pay for what the org wants to pay
 * for itself, and the other way round.
 */
export async function servedBy(
  context: CallContext,
  channel: Channel,
  asked: AskedModel,
): Promise<ServedBy | Unserved> {
  const { demo } = context.upstreams;
  if (channel.demo) return platformTarget({ upstream: demo, key: null }, asked.model);
  const own = context.orgs === null ? NO_OWN_KEYS : await ownKeysOf(context, channel);
  if (own === null) return unknown();
  try {
    return await choose(context, own, asked);
  } catch (error) {
    if (!KartaError.is(error)) throw error;
    context.log.warn({ err: error, org: channel.orgId }, 'the keys of an org are not known');
    return unknown();
  }
}

/** A model at one provider; `null`: whoever serves its wire. */
interface Wanted {
  provider: string | null;
  model: string;
}

/** The first that serves what is asked, as it may be read in turn. */
async function choose(
  context: CallContext,
  own: OwnKeys,
  { route, model }: AskedModel,
): Promise<ServedBy | Unserved> {
  const named = namedFor(route, model);
  for (const wanted of readings(route, model, named)) {
    const platform = platformFor(context, route, wanted);
    // Nothing is waited for where an org has no key: that is most calls.
    const byOwn =
      own.providers.length === 0 ? null : await byOwnKey(context, own, route, wanted, platform);
    if (byOwn !== null) return byOwn;
    if (platform !== undefined) return platformTarget(platform, wanted.model, own.platformAllowed);
  }
  return named === null || named.provider === route.family ? nobody(route) : absent(named);
}

/** `anthropic/…` and `openai/…` also name the wire; on OpenAI's they are names at other providers. */
function readings(
  { family }: AskedModel['route'],
  model: string,
  named: ProviderModel | null,
): Wanted[] {
  if (named === null) return [{ provider: null, model }];
  if (named.provider !== family) return [named];
  return [named, { provider: null, model: family === 'openai' ? model : named.model }];
}

/** The demo model is everyone. */
function platformFor(
  { upstreams }: CallContext,
  route: AskedModel['route'],
  { provider }: Wanted,
): PlatformUpstream | undefined {
  for (const each of upstreams.serving(route)) {
    const { id } = each.upstream;
    if (provider === null || id === provider || id === 'demo') return each;
  }
  return undefined;
}

async function byOwnKey(
  { orgs }: CallContext,
  own: OwnKeys,
  route: AskedModel['route'],
  { provider, model }: Wanted,
  platform: PlatformUpstream | undefined,
): Promise<ServedBy | null> {
  for (const each of own.providers) {
    const asked = provider === null || each === provider;
    const ofFamily = PROVIDER_FAMILY[each as KeyProvider] === route.family;
    const key = asked && ofFamily ? await own.keyOf(each) : null;
    const upstream = key === null ? null : (orgs?.upstreams.at(each, key.parts) ?? null);
    if (upstream === null || !serves(upstream, route)) continue;
    const stead = own.platformAllowed ? platform : undefined;
    return {
      ...{ upstream, key, model: nameAt(upstream, model) },
      platformAllowed: own.platformAllowed,
      onRefusedKey: stead === undefined ? null : platformTarget(stead, model),
    };
  }
  return null;
}

function platformTarget(
  { upstream, key }: PlatformUpstream,
  model: string,
  platformAllowed = true,
): ServedBy {
  return { upstream, key, model: nameAt(upstream, model), platformAllowed, onRefusedKey: null };
}

function nameAt(upstream: Upstream, model: string): string {
  return upstream.nameOf?.(model) ?? model;
}

/** The provider that a model's name chooses; of another wire it is but a part of the name. */
function namedFor({ family }: AskedModel['route'], model: string): ProviderModel | null {
  const named = providerModelOf(model);
  return named !== null && PROVIDER_FAMILY[named.provider] === family ? named : null;
}

/** `null`: nobody can say. */
async function ownKeysOf(
  { orgs, log }: CallContext,
  { orgId, spending: { orgGrant } }: Channel,
): Promise<OwnKeys | null> {
  // Without a grant nothing of an org is ever known: its budgets refuse what is billed.
  if (orgs === null || orgGrant === null) return NO_OWN_KEYS;
  try {
    const rules = await orgs.rules.of(orgId, orgGrant);
    if (rules === null) return null;
    return {
      providers: rules.own_keys,
      platformAllowed: rules.platform_fallback,
      keyOf: (provider) => orgs.keys.of(orgId, provider, orgGrant),
    };
  } catch (error) {
    if (!KartaError.is(error)) throw error;
    log.warn({ err: error, org: orgId }, 'the rules of an org are not known');
    return null;
  }
}

function nobody({ name }: AskedModel['route']): Unserved {
  const message =
    name === 'responses'
      ? 'No model provider here serves Responses; Chat Completions may be served.'
      : 'No model provider serves this wire format.';
  return { refusal: 'not_found', message, told: null };
}

function absent({ provider, model }: ProviderModel): Unserved {
  const message = `The model "${provider}/${model}" names the provider ${provider}, which does not serve this call: it is not configured here, and the org has no key of its own for it.`;
  return { refusal: 'not_found', message, told: null };
}

function unknown(): Unserved {
  const told = { code: 'control_unavailable', message: UNKNOWN, provider: null } as const;
  return { refusal: 'overloaded', message: UNKNOWN, told };
}

/** A provider's status that says that it does not take the key. */
export function refusesKey(status: number): boolean {
  return status === 401 || status === 403;
}
