import { readJson } from '../../app/index.ts';
import type { AppFolder, AppProblem } from '../../port.ts';
import { isRecord } from './settings-file.ts';

export const MCP_FILE = '.mcp.json';

/** The remote servers that `.mcp.json` names, as `host:port`. */
export function readMcpFile(app: AppFolder): { hosts: string[]; problems: AppProblem[] } {
  const text = app.text(MCP_FILE);
  if (text === null) return { hosts: [], problems: [] };
  const result = readJson(text, MCP_FILE);
  if (!result.ok) return { hosts: [], problems: [result.problem] };
  const { document } = result;
  const error = (path: string[], message: string): AppProblem => {
    const { line } = document.position(path);
    return { severity: 'error', file: MCP_FILE, line, message };
  };
  const servers = document.get(['mcpServers']);
  if (!isRecord(servers)) {
    return { hosts: [], problems: [error([], 'expected an object "mcpServers"')] };
  }
  const hosts = new Set<string>();
  const problems: AppProblem[] = [];
  for (const [name, server] of Object.entries(servers)) {
    if (!isRecord(server))
      problems.push(error(['mcpServers', name], `${name}: expected an object`));
    else if (typeof server.url === 'string') {
      const host = hostOf(server.url);
      if (host !== null) hosts.add(host);
      else if (!server.url.includes('${')) {
        problems.push(error(['mcpServers', name, 'url'], `${name}: not an http or https address`));
      }
    } else if (typeof server.command !== 'string') {
      problems.push(error(['mcpServers', name], `${name}: needs "command" or "url"`));
    }
  }
  return { hosts: [...hosts].sort(), problems };
}

function hostOf(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') return null;
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}
