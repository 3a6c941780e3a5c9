import { type CloudUpstream, takeClouds } from './cloud-upstreams.ts';
import { takeBaseUrl, takeKey } from './provider-variable.ts';
import { type Environment, takeVariable } from './take-variable.ts';

/** A model provider as the doors are told of it. */
export type Upstream =
  | { id: 'demo' }
  | { id: 'anthropic' | 'openai' | 'openrouter'; base_url: string; api_key: string }
  | { id: 'openai-compatible'; base_url: string; api_key: string; responses: boolean }
  | CloudUpstream;

const PROVIDERS = [
  {
    id: 'anthropic',
    key: 'ANTHROPIC_API_KEY',
    url: 'ANTHROPIC_BASE_URL',
    standard: 'https://api.anthropic.com',
  },
  {
    id: 'openai',
    key: 'OPENAI_API_KEY',
    url: 'OPENAI_BASE_URL',
    standard: 'https://api.openai.com/v1',
  },
  {
    id: 'openrouter',
    key: 'OPENROUTER_API_KEY',
    url: 'OPENROUTER_BASE_URL',
    standard: 'https://openrouter.ai/api/v1',
  },
] as const;

/** For a server that asks for no key. */
const NO_KEY = 'none';

/**
 * Takes the provider keys out of `env`, so that no process started later inherits them, and returns
 * the upstreams they make, in the order in which they serve; the embedded demo model when there is
 * none. An empty variable is none. Throws `CliError` for what the doors would not take, and for a
 * cloud of which something is missing.
 */
export function takeUpstreams(env: Environment): Upstream[] {
  const upstreams: Upstream[] = [];
  for (const { id, key, url, standard } of PROVIDERS) {
    const apiKey = takeKey(env, key);
    const baseUrl = takeBaseUrl(env, url);
    if (apiKey) upstreams.push({ id, api_key: apiKey, base_url: baseUrl || standard });
  }
  upstreams.push(...takeCompatible(env), ...takeClouds(env));
  return upstreams.length > 0 ? upstreams : [{ id: 'demo' }];
}

/** Any server of OpenAI's wire format: its address makes it one. */
function takeCompatible(env: Environment): Upstream[] {
  const baseUrl = takeBaseUrl(env, 'OPENAI_COMPATIBLE_BASE_URL');
  const apiKey = takeKey(env, 'OPENAI_COMPATIBLE_API_KEY');
  const responses = takeVariable(env, 'OPENAI_COMPATIBLE_RESPONSES') === '1';
  if (!baseUrl) return [];
  return [{ id: 'openai-compatible', base_url: baseUrl, api_key: apiKey || NO_KEY, responses }];
}

/** Which model answers, for people; names no key. */
export function modelLine(upstreams: readonly Upstream[]): string {
  const real = upstreams.filter((upstream) => upstream.id !== 'demo');
  if (real.length === 0) {
    return 'demo model, embedded; set ANTHROPIC_API_KEY or OPENAI_API_KEY for a real one';
  }
  return real.map(upstreamText).join(', ');
}

/** One provider and where it is, for people; names no key. */
export function upstreamText(upstream: Exclude<Upstream, { id: 'demo' }>): string {
  const { host } = URL.parse(upstream.base_url ?? '') ?? { host: '' };
  if (upstream.id === 'bedrock' || upstream.id === 'vertex') {
    const place = upstream.id === 'bedrock' ? upstream.region : upstream.location;
    return `${upstream.id} in ${place}${upstream.base_url === undefined ? '' : ` at ${host}`}`;
  }
  const lacks = upstream.id === 'openai-compatible' && !upstream.responses;
  return `${upstream.id} at ${host}${lacks ? ' (Chat Completions)' : ''}`;
}
