import { mcpHostOf, readJson } from '../../app/index.ts';
import type { AppFolder, AppProblem, McpHost } from '../../port.ts';
import { isRecord } from './settings-file.ts';

export const MCP_FILE = '.mcp.json';

/** The remote servers that `.mcp.json` names. */
export function readMcpFile(app: AppFolder): { hosts: McpHost[]; problems: AppProblem[] } {
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
  const hosts: McpHost[] = [];
  const problems: AppProblem[] = [];
  for (const [name, server] of Object.entries(servers)) {
    if (!isRecord(server))
      problems.push(error(['mcpServers', name], `${name}: expected an object`));
    else if (typeof server.url === 'string') {
      const place = mcpHostOf(server.url);
      const { line } = document.position(['mcpServers', name, 'url']);
      if (place !== null) hosts.push({ ...place, file: MCP_FILE, line });
      else if (!server.url.includes('${')) {
        problems.push(error(['mcpServers', name, 'url'], `${name}: not an http or https address`));
      }
    } else if (typeof server.command !== 'string') {
      problems.push(error(['mcpServers', name], `${name}: needs "command" or "url"`));
    }
  }
  return { hosts, problems };
}
