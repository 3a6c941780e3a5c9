import { isIP } from 'node:net';
import { KartaError } from '@karta/protocol';
import {
  type AddressPolicy,
  addressPolicy,
  createNameResolver,
  type NameResolver,
} from '@karta/service/network';

/** What an operator may open: the endpoints of its own network. */
export interface WebhookNetwork {
  /** Addresses and ranges beside the public network that endpoints may be at. */
  allowPrivate: readonly string[];
  /** Certificates of authorities beside the usual ones, PEM. */
  ca?: readonly string[];
  /** Default: this machine's own resolver. */
  resolver?: NameResolver;
}

/** Where endpoints may be, asked when one is written and again at every delivery. */
export interface EndpointRules {
  policy: AddressPolicy;
  resolver: NameResolver;
  ca: string[] | undefined;
}

export function endpointRules(network: WebhookNetwork): EndpointRules {
  return {
    policy: addressPolicy(network.allowPrivate),
    resolver: network.resolver ?? createNameResolver(),
    ca: network.ca === undefined ? undefined : [...network.ca],
  };
}

/** The host that a URL names, as it is resolved and connected to: without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/**
 * Whether a URL has the form of an endpoint: `https`, or `http` to a loopback address that the
 * operator has opened. The parser has already made one form of the many in which an address can be
 * written. Returns what is wrong, or `null`.
 */
export function formProblem(url: URL, rules: Pick<EndpointRules, 'policy'>): string | null {
  if (url.username !== '' || url.password !== '') return 'must not hold credentials';
  if (url.hash !== '') return 'must not have a fragment';
  const host = hostOf(url);
  if (url.protocol === 'http:') {
    const loopback = isIP(host) !== 0 && /^(127\.|::1$)/.test(host) && rules.policy.allows(host);
    return loopback ? null : 'must begin with https://';
  }
  if (url.protocol !== 'https:') return 'must begin with https://';
  return host === '' || host.endsWith('.localhost') ? 'must name a public host' : null;
}

/**
 * The endpoint's address in one form. Throws `KartaError('validation_failed')`, at `pointer`, when it
 * is none, or its host leads to an address that is not public.
 */
export async function checkedEndpoint(
  text: string,
  rules: EndpointRules,
  pointer = '/url',
): Promise<string> {
  const url = new URL(text);
  const refused = (message: string, cause?: unknown) => refusedUrl(pointer, message, cause);
  const problem = formProblem(url, rules);
  if (problem !== null) throw refused(problem);
  const addresses = await rules.resolver.addresses(hostOf(url)).catch((error: unknown) => {
    throw refused('names a host that could not be resolved', error);
  });
  if (addresses.length === 0) throw refused('names a host that has no address');
  // All of them: which one a delivery gets is the resolver's choice.
  if (!addresses.every((address) => rules.policy.allows(address))) {
    throw refused('leads to an address that is not public');
  }
  return url.href;
}

/** What is wrong with the URL that stands at `pointer` of a body. */
export function refusedUrl(pointer: string, message: string, cause?: unknown): KartaError {
  return new KartaError('validation_failed', `The URL ${message}.`, {
    extra: { errors: [{ pointer, message }] },
    cause,
  });
}
