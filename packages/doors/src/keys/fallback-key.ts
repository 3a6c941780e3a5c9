import { PROVIDER_FAMILY, providerModelOf } from '@karta/protocol';
import type { CallContext } from '../channels/call-context.ts';
import type { Channel } from '../channels/channel.ts';
import { type AskedModel, type ServedBy, servedBy } from './serving-key.ts';

/**
 * Who answers in place of a call's own upstream: the very provider that `name` (`provider/model`)
 * names. `null`: it speaks another wire, or nobody offers it to this org.
 */
export async function fallbackServedBy(
  context: CallContext,
  channel: Channel,
  route: AskedModel['route'],
  name: string,
): Promise<ServedBy | null> {
  const named = providerModelOf(name);
  if (channel.demo || named === null || PROVIDER_FAMILY[named.provider] !== route.family) {
    return null;
  }
  const served = await servedBy(context, channel, { route, model: name });
  if ('refusal' in served) return null;
  const { id } = served.upstream;
  return id === named.provider || id === 'demo' ? served : null;
}
