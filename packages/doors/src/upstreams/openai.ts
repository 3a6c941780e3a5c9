import type { Upstream } from './port.ts';
import { providerUpstream } from './provider.ts';

/** OpenAI, or a server of the same wire format at `baseUrl` (with its `/v1`). */
export function openaiUpstream({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }): Upstream {
  return providerUpstream({
    id: 'openai',
    family: 'openai',
    baseUrl,
    apiKey,
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
  });
}
