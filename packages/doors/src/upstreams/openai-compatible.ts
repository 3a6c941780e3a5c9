import type { RouteName } from '../wire/routes.ts';
import { openaiUpstream } from './openai.ts';
import type { Upstream } from './port.ts';
import type { ProviderOptions } from './provider.ts';

const WITHOUT_RESPONSES: readonly RouteName[] = ['responses'];

/**
 * Any server of OpenAI's wire format at `baseUrl` (with its `/v1`, where it has one). Chat
 * Completions all of them have; Responses few, so that it must be said.
 */
export function compatibleUpstream(
  options: Pick<ProviderOptions, 'baseUrl' | 'connect'> & { responses: boolean },
): Upstream {
  const { responses, ...reach } = options;
  const upstream = openaiUpstream({ ...reach, id: 'openai-compatible' });
  return responses ? upstream : { ...upstream, lacks: WITHOUT_RESPONSES };
}
