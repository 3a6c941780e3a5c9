import { describe, expect, it } from 'vitest';
import { readKartaToml } from './karta-toml.ts';
import { networkProblems } from './network-check.ts';
import { problemText } from './problem.ts';

const FILE = '.mcp.json';

function problemsOf(text: string, ...urls: string[]): string[] {
  const app = {
    paths: ['karta.toml'],
    text: (path: string) => (path === 'karta.toml' ? text : null),
  };
  const { toml, problems } = readKartaToml(app);
  expect(problems).toEqual([]);
  const hosts = urls.map((url, at) => {
    const { protocol, hostname, port } = new URL(url);
    const tls = protocol === 'https:';
    return {
      host: hostname,
      port: Number(port) || (tls ? 443 : 80),
      tls,
      file: FILE,
      line: at + 1,
    };
  });
  return networkProblems(app, toml, hosts).map(
    (problem) => `${problem.severity} ${problemText(problem)}`,
  );
}

const INJECT = `
[env]
TOKEN = { secret = true }
[network]
allow = [{ host = "docs.example.com:443", inject = { header = "authorization", secret = "TOKEN" } }]
`;

describe('MCP servers', () => {
  it('that no sandbox will reach are told where they are named', () => {
    const toml = '[network]\nallow = ["docs.example.com:443"]\n';
    const problems = problemsOf(
      toml,
      'https://docs.example.com/mcp',
      'https://api.example.com/mcp',
      'https://docs.example.com:8443/mcp',
      'http://docs.example.com/mcp',
    );
    expect(problems).toEqual([
      expect.stringMatching(
        /^warning \.mcp\.json:2: .*"api\.example\.com:443" to \[network\] allow/,
      ),
      expect.stringContaining('.mcp.json:3: the MCP server at docs.example.com:8443'),
      expect.stringContaining('.mcp.json:4: the MCP server at docs.example.com:80'),
    ]);
    expect(problemsOf('', 'https://docs.example.com/mcp')).toHaveLength(1);
  });

  it('that get a secret are spoken to by plain http', () => {
    expect(problemsOf(INJECT, 'http://docs.example.com/mcp')).toEqual([]);
    expect(problemsOf(INJECT, 'https://docs.example.com/mcp')).toEqual([
      expect.stringContaining('.mcp.json:1: speak plain http to docs.example.com'),
    ]);
  });
});

describe('secrets that are added', () => {
  it('are declared, and not shown inside', () => {
    expect(problemsOf(INJECT)).toEqual([]);
    expect(problemsOf(INJECT.replace('{ secret = true }', '{}'))).toEqual([
      expect.stringMatching(/^error karta\.toml:5: .*TOKEN = \{ secret = true \}/),
    ]);
    expect(problemsOf(INJECT.replace('[env]\nTOKEN = { secret = true }', ''))).toHaveLength(1);
    expect(problemsOf(INJECT.replace('secret = true', 'secret = true, expose = true'))).toEqual([
      expect.stringMatching(/^warning karta\.toml:5: .*shows it inside/),
    ]);
  });
});
