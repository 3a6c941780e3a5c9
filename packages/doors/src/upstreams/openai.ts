import type { Upstream } from './port.ts';
import { type ProviderOptions, providerUpstream } from './provider.ts';

/** OpenAI, or a server of the same wire format at `baseUrl` (with its `/v1`). */
export function openaiUpstream(
  options: Pick<ProviderOptions, 'baseUrl' | 'connect' | 'silenceMs'> &
    Partial<Pick<ProviderOptions, 'id'>>,
): Upstream {
  return providerUpstream({
    id: 'openai',
    family: 'openai',
    authorize: (key) => ({ authorization: `Bearer ${key.part('api_key')}` }),
    ...options,
  });
}
