import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ProviderKeyTest } from '@karta/protocol';
import type { OrgLink } from '../control/org-link.ts';
import { type ModelCall, UpstreamError } from '../upstreams/port.ts';
import { KeyParts } from './key-parts.ts';
import { refusesKey } from './serving-key.ts';

/** Time for a provider's whole answer, in ms. */
const TRY_MS = 20_000;

/** What costs nothing and is answered to a good key alone: the list of models, or the key itself. */
const QUESTIONS: Readonly<Record<string, string>> = {
  anthropic: '/v1/models',
  openai: '/models',
  openrouter: '/key',
  'openai-compatible': '/models',
};

/**
 * Asks a provider whether it takes the org's key, as it is stored now. `null` when the org has none
 * or the grant is not accepted. Throws `KartaError('control_unavailable')`.
 */
export async function tryKey(
  { control, upstreams }: Pick<OrgLink, 'control' | 'upstreams'>,
  { orgId, provider, grant }: { orgId: string; provider: string; grant: string },
): Promise<ProviderKeyTest | null> {
  const found = await control.providerKey(orgId, provider, grant);
  if (found === null) return null;
  const key = { ownId: found.id, parts: new KeyParts(found.secret) };
  const upstream = upstreams.at(provider, key.parts);
  const path = QUESTIONS[provider];
  if (upstream === null || path === undefined) {
    return { ok: false, status: null, message: `This server does not speak to ${provider}.` };
  }
  const call: ModelCall = {
    route: {
      family: upstream.families[0] ?? 'openai',
      name: 'models',
      path,
      query: '',
      billed: false,
    },
    headers: { accept: 'application/json' },
    body: Buffer.alloc(0),
    channelId: 'key-test',
  };
  try {
    const reply = await upstream.send(call, key, AbortSignal.timeout(TRY_MS));
    await pipeline(reply.body, nowhere());
    return told(provider, reply.status);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { ok: false, status: null, message: `${provider} could not be reached.` };
  }
}

function told(provider: string, status: number): ProviderKeyTest {
  if (status >= 200 && status < 300) return { ok: true, status, message: `${provider} takes it.` };
  if (refusesKey(status)) return { ok: false, status, message: `${provider} refused the key.` };
  return { ok: false, status, message: `${provider} answered ${status}: this says nothing of it.` };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
