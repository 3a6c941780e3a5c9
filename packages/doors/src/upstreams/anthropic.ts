import type { Upstream } from './port.ts';
import { providerUpstream } from './provider.ts';

/** The Anthropic API version sent when a client names none; the API demands one. */
const DEFAULT_VERSION = '2023-06-01';

/** Anthropic, or a server of the same wire format at `baseUrl` (without `/v1`). */
export function anthropicUpstream({ baseUrl }: { baseUrl: string }): Upstream {
  const upstream = providerUpstream({
    id: 'anthropic',
    family: 'anthropic',
    baseUrl,
    authorize: (key) => ({ 'x-api-key': key.part('api_key') }),
  });
  return {
    ...upstream,
    send: (call, key, signal) => {
      const headers = { 'anthropic-version': DEFAULT_VERSION, ...call.headers };
      return upstream.send({ ...call, headers }, key, signal);
    },
  };
}
