import { keyRefusal } from './cloud-refusal.ts';
import type { Upstream } from './port.ts';

/** Stands for a provider whose key names no place where it could be: every call is refused. */
export function unusableKey(id: 'bedrock' | 'vertex'): Upstream {
  return {
    id,
    families: ['anthropic'],
    endpoint: 'nowhere',
    send: async () => keyRefusal('unauthenticated', { whose: "the org's own" }),
    probe: async () => ({ status: 401, knownOnly: false }),
    close: () => {},
  };
}
