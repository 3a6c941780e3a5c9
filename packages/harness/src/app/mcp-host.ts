import type { McpHost } from '../port.ts';

const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Where an http(s) address leads; `null` when it is none. */
export function mcpHostOf(url: string): Pick<McpHost, 'host' | 'port' | 'tls'> | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port } = new URL(url);
  const usual = DEFAULT_PORT[protocol];
  if (usual === undefined || hostname === '') return null;
  return { host: hostname, port: port === '' ? usual : Number(port), tls: protocol === 'https:' };
}
