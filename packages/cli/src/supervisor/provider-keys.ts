/** A model provider as the doors are told of it. */
export type Upstream =
  | { id: 'demo' }
  | { id: 'anthropic' | 'openai'; base_url: string; api_key: string };

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
] as const;

/**
 * Takes the provider keys out of `env`, so that no process started later inherits them, and returns
 * the upstreams they make; the embedded demo model when there is none. An empty variable is none.
 */
export function takeUpstreams(env: Record<string, string | undefined>): Upstream[] {
  const upstreams: Upstream[] = [];
  for (const { id, key, url, standard } of PROVIDERS) {
    const apiKey = env[key];
    const baseUrl = env[url];
    delete env[key];
    delete env[url];
    if (apiKey) upstreams.push({ id, api_key: apiKey, base_url: baseUrl || standard });
  }
  return upstreams.length > 0 ? upstreams : [{ id: 'demo' }];
}

/** Which model answers, for people; names no key. */
export function modelLine(upstreams: readonly Upstream[]): string {
  const real = upstreams.filter((upstream) => upstream.id !== 'demo');
  if (real.length === 0) {
    return 'demo model, embedded; set ANTHROPIC_API_KEY or OPENAI_API_KEY for a real one';
  }
  return real.map((upstream) => `${upstream.id} at ${new URL(upstream.base_url).host}`).join(', ');
}
