import { describe, expect, test } from 'vitest';
import { appFolderOf } from '../../app/index.ts';
import { detectApp } from './detect.ts';

const detect = (files: Record<string, string>) => detectApp(appFolderOf(files));
const agent = (front: string) => `---\n${front}\n---\nYou help.\n`;

describe('whether a folder is for OpenCode', () => {
  test.each([
    [{ '.opencode/agent/a.md': 'text' }, true],
    [{ 'opencode.json': '{}' }, true],
    [{ 'opencode.jsonc': '{}' }, true],
    [{ 'AGENTS.md': 'text' }, true],
    [{ 'AGENTS.md': 'text', 'CLAUDE.md': 'text' }, false],
    [{ 'AGENTS.md': 'text', '.claude/settings.json': '{}' }, false],
    [{ 'CLAUDE.md': 'text', '.opencode/agent/a.md': 'text' }, true],
    [{ 'README.md': 'text' }, false],
    [{}, false],
  ])('%j: %s', (files, present) => {
    expect(detect(files as Record<string, string>).present).toBe(present);
  });
});

describe('agents', () => {
  test('without any there is the default', () => {
    expect(detect({ 'AGENTS.md': 'text' }).agents).toEqual([
      { name: 'default', description: null, file: null },
    ]);
  });

  test('a single one of the folder is the default as well', () => {
    const file = '.opencode/agent/barista.md';
    const { agents } = detect({ [file]: agent('description: Makes coffee\nmode: primary') });
    expect(agents).toEqual([
      { name: 'default', description: 'Makes coffee', file },
      { name: 'barista', description: 'Makes coffee', file },
    ]);
  });

  test('of several, all that lead are listed; helpers of agents are not', () => {
    const { agents } = detect({
      '.opencode/agent/a.md': agent('description: A\nmode: primary'),
      '.opencode/agents/team/b.md': agent('description: B'),
      '.opencode/agent/helper.md': agent('mode: subagent'),
      '.opencode/mode/old.md': agent('description: Old'),
      'opencode.json': '{"agent":{"c":{"description":"C"},"off":{"disable":true}}}',
    });
    expect(agents.map(({ name }) => name)).toEqual(['default', 'c', 'a', 'team/b', 'old']);
    expect(agents[0]).toMatchObject({ description: null, file: null });
  });

  test('a name in the front matter is the name', () => {
    const { agents } = detect({ '.opencode/agent/a.md': agent('name: barista') });
    expect(agents.map(({ name }) => name)).toEqual(['default', 'barista']);
  });
});

test('skills are found where OpenCode looks for them, by their names', () => {
  const { skills } = detect({
    '.opencode/skill/roasting/SKILL.md': agent('name: roast-it'),
    '.opencode/skills/grinding/SKILL.md': 'no front matter',
    '.claude/skills/shared/SKILL.md': agent('description: x'),
    '.opencode/skill/loose.md': 'none',
  });
  expect(skills).toEqual(['shared', 'roast-it', 'grinding']);
});

describe('the model', () => {
  test('is told with file and line, the last configuration wins', () => {
    expect(detect({ 'opencode.json': '{\n  "model": "anthropic/claude-x"\n}' }).model).toEqual({
      name: 'anthropic/claude-x',
      file: 'opencode.json',
      line: 2,
    });
    const both = detect({
      'opencode.json': '{"model":"anthropic/a"}',
      '.opencode/opencode.jsonc': '{\n// ours\n"model":"openai/b",\n}',
    });
    expect(both.model).toEqual({ name: 'openai/b', file: '.opencode/opencode.jsonc', line: 3 });
  });

  test('of a provider that no upstream can serve is an error with its line', () => {
    const { problems } = detect({
      'opencode.json': '{\n"small_model": "mistral/tiny"}',
      '.opencode/agent/a.md': agent('description: A\nmodel: ollama/llama'),
    });
    expect(problems).toMatchObject([
      { severity: 'error', file: 'opencode.json', line: 2 },
      { severity: 'error', file: '.opencode/agent/a.md', line: 3 },
    ]);
  });
});

test('remote MCP servers are told by host and port', () => {
  const mcp = {
    docs: { type: 'remote', url: 'https://docs.example.com/mcp' },
    near: { type: 'remote', url: 'http://near.example.com:8080' },
    off: { type: 'remote', url: 'https://off.example.com', enabled: false },
    tool: { type: 'local', command: ['node', 'x.js'] },
    broken: { type: 'remote', url: 'nowhere' },
  };
  const { mcpHosts, problems } = detect({ 'opencode.json': JSON.stringify({ mcp }, null, 1) });
  const file = 'opencode.json';
  expect(mcpHosts).toEqual([
    { host: 'docs.example.com', port: 443, tls: true, file, line: 5 },
    { host: 'near.example.com', port: 8080, tls: false, file, line: 9 },
  ]);
  expect(problems).toMatchObject([{ severity: 'error', message: expect.stringMatching(/broken/) }]);
});

describe('problems', () => {
  test('a broken configuration is told by its line', () => {
    const { problems } = detect({ 'opencode.json': '{\n  "model": "anthropic/x"\n  "a": 1\n}' });
    expect(problems).toMatchObject([{ severity: 'error', file: 'opencode.json', line: 3 }]);
    expect(detect({ 'opencode.json': '[]' }).problems).toMatchObject([{ severity: 'error' }]);
  });

  test('a broken front matter is told by its line', () => {
    const { problems } = detect({ '.opencode/agent/a.md': '---\nmode: primary\nx: [1\n---\n' });
    expect(problems[0]).toMatchObject({ severity: 'error', file: '.opencode/agent/a.md' });
    expect(problems[0]?.line).toBeGreaterThan(1);
  });

  test('what the platform overrules, and what cannot be fetched, is warned of', () => {
    const config = {
      provider: { anthropic: { options: { baseURL: 'https://x.example', apiKey: 'k' } } },
      share: 'auto',
      plugin: ['opencode-thing', './local.js', 'file:///workspace/a.js'],
    };
    const { problems } = detect({ 'opencode.json': JSON.stringify(config, null, 2) });
    expect(problems.map(({ severity, line }) => `${severity} ${line}`)).toEqual([
      'warning 5',
      'warning 6',
      'warning 10',
      'warning 12',
    ]);
  });
});
