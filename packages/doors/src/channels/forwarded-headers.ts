import type { IncomingHttpHeaders } from 'node:http';

/**
 * Request headers that may reach a provider. An allow-list: no credential of the sandbox, no
 * hop-by-hop header and nothing that could steer the operator's account passes.
 */
const FORWARDED = [
  'accept',
  'content-type',
  'user-agent',
  'anthropic-version',
  'anthropic-beta',
  'openai-beta',
];

export function forwardedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of FORWARDED) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}
