import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ProviderKeyTest } from '@karta/protocol';
import type { OrgLink } from '../control/org-link.ts';
import {
  type ModelCall,
  type ProbeResult,
  type Upstream,
  UpstreamError,
} from '../upstreams/port.ts';
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
  const ask = upstream === null ? null : questionOf(upstream, provider);
  if (ask === null) {
    return { ok: false, status: null, message: `This server does not speak to ${provider}.` };
  }
  try {
    return told(provider, await ask(key, AbortSignal.timeout(TRY_MS)));
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { ok: false, status: null, message: `${provider} could not be reached.` };
  }
}

/** `null`: nothing could be asked. */
function questionOf(upstream: Upstream, provider: string): NonNullable<Upstream['probe']> | null {
  if (upstream.probe !== undefined) return upstream.probe;
  const path = QUESTIONS[provider];
  if (path === undefined) return null;
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
  return async (key, signal) => {
    const { status, body } = await upstream.send(call, key, signal);
    await pipeline(body, nowhere());
    return { status, knownOnly: false };
  };
}

function told(provider: string, { status, knownOnly }: ProbeResult): ProviderKeyTest {
  if (status >= 200 && status < 300) return { ok: true, status, message: `${provider} takes it.` };
  if (knownOnly) {
    const message = `${provider} knows the key, which may not list its models. Whether it may call them is not known.`;
    return { ok: true, status, message };
  }
  if (refusesKey(status)) return { ok: false, status, message: `${provider} refused the key.` };
  return { ok: false, status, message: `${provider} answered ${status}: this says nothing of it.` };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
