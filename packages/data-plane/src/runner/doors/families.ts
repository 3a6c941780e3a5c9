import {
  type KeyProvider,
  keyProvider,
  PROVIDER_FAMILY,
  type UpstreamsAnswer,
  type WireFamily,
} from '@karta/protocol';
import type { DoorsClient } from './doors-client.ts';

/** What upstreams serve. */
export interface Served {
  /** The wire families that some upstream serves, in the order of the upstreams. */
  families: readonly WireFamily[];
  /** Where none of those on OpenAI's wires has Responses: the first of them, by Chat Completions. */
  chatProvider: KeyProvider | null;
}

export type Families = () => Promise<Served>;

/** Asks the doors once: their upstreams are fixed for their life. A failure is asked again. */
export function servedFamilies(doors: Pick<DoorsClient, 'upstreams'>): Families {
  let known: Promise<Served> | null = null;
  return () => {
    known ??= doors.upstreams().then(servedBy, (error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };
}

/** What a sandbox is offered: what the platform serves, and wires that an own key of the org serves. */
export function offered(served: Served, ownWires: readonly KeyProvider[]): Served {
  const more = ownWires.filter((id) => !served.families.includes(PROVIDER_FAMILY[id]));
  if (more.length === 0) return served;
  const openai = more.filter((id) => PROVIDER_FAMILY[id] === 'openai');
  // A server that only a key names may lack Responses, which OpenCode speaks to `openai/…`.
  const [first] = openai.some((id) => id !== 'openai-compatible') ? [] : openai;
  return {
    families: [...new Set([...served.families, ...more.map((id) => PROVIDER_FAMILY[id])])],
    chatProvider: first ?? served.chatProvider,
  };
}

function servedBy({ upstreams }: UpstreamsAnswer): Served {
  const openai = upstreams.filter(({ families }) => families.includes('openai'));
  const [first] = openai.some(({ responses }) => responses) ? [] : openai;
  return {
    families: [...new Set(upstreams.flatMap(({ families }) => families))],
    chatProvider: keyProvider.safeParse(first?.id).data ?? null,
  };
}
