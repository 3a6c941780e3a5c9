import { describe, expect, it } from 'vitest';
import { appFolderOf } from '../../app/index.ts';
import { detectClaudeCode } from './detect.ts';

const detect = (files: Record<string, string>) => detectClaudeCode(appFolderOf(files));
const agent = (name: string, more = '') =>
  `---\nname: ${name}\ndescription: Does ${name}\n${more}---\nYou are ${name}.\n`;

describe('presence', () => {
  it.each([
    [{ 'CLAUDE.md': '' }, true],
    [{ '.claude/settings.json': '{}' }, true],
    [{ 'AGENTS.md': '', '.opencode/agent/a.md': '' }, false],
    [{ 'docs/CLAUDE.md': '' }, false],
    [{}, false],
  ])('of %j is %s', (files, present) => {
    expect(detect(files as Record<string, string>).present).toBe(present);
  });
});

describe('agents', () => {
  it('are the main one and those of the folder', () => {
    const { agents } = detect({
      'CLAUDE.md': 'hi',
      '.claude/agents/a.md': agent('reviewer'),
      '.claude/agents/team/b.md': agent('writer'),
      '.claude/agents/notes.md': '# just notes',
    });
    expect(agents).toEqual([
      { name: 'default', description: null, file: 'CLAUDE.md' },
      { name: 'reviewer', description: 'Does reviewer', file: '.claude/agents/a.md' },
      { name: 'writer', description: 'Does writer', file: '.claude/agents/team/b.md' },
    ]);
  });

  it('have one default, which the settings may name', () => {
    const { agents, model } = detect({
      '.claude/settings.json': '{"agent":"reviewer","model":"opus"}',
      '.claude/agents/a.md': agent('reviewer', 'model: haiku\n'),
    });
    expect(agents[0]).toMatchObject({ name: 'default', file: '.claude/agents/a.md' });
    expect(model).toEqual({ name: 'haiku', file: '.claude/agents/a.md', line: 4 });
  });

  it('exist in a folder without any', () => {
    expect(detect({ 'CLAUDE.md': '' }).agents).toHaveLength(1);
  });
});

it('lists skills by name', () => {
  const { skills } = detect({
    '.claude/skills/roasting/SKILL.md': '---\nname: roasting\ndescription: d\n---\n',
    '.claude/skills/plain/SKILL.md': 'no front matter',
    '.claude/skills/plain/other.md': 'not a skill',
  });
  expect(skills).toEqual(['plain', 'roasting']);
});

it('lists the hosts of remote MCP servers', () => {
  const servers = {
    local: { command: 'node', args: ['x.mjs'] },
    docs: { type: 'http', url: 'https://docs.example.com/mcp' },
    api: { type: 'sse', url: 'http://api.example.com:8443/sse' },
    templated: { type: 'http', url: '${' + 'URL}/mcp' },
  };
  const { mcpHosts, problems } = detect({
    'CLAUDE.md': '',
    '.mcp.json': JSON.stringify({ mcpServers: servers }, null, 1),
  });
  const file = '.mcp.json';
  expect(mcpHosts).toEqual([
    { host: 'docs.example.com', port: 443, tls: true, file, line: 11 },
    { host: 'api.example.com', port: 8443, tls: false, file, line: 15 },
  ]);
  expect(problems).toEqual([]);
});

describe('the choice of a model', () => {
  it.each([
    ['{\n  "model": "opus"\n}', { name: 'opus', line: 2 }],
    [
      '{\n  "model": "opus",\n  "env": {\n    "ANTHROPIC_MODEL": "x"\n  }\n}',
      { name: 'x', line: 4 },
    ],
    ['{"permissions":{}}', null],
    ['{"model":""}', null],
  ])('of %j is %j', (settings, expected) => {
    const { model } = detect({ '.claude/settings.json': settings });
    expect(model).toEqual(expected && { ...expected, file: '.claude/settings.json' });
  });
});

describe('problems', () => {
  const first = (files: Record<string, string>) => detect(files).problems[0];

  it.each([
    ['.claude/settings.json', '{\n  "model": "opus",\n}', 2, /not valid JSON/],
    ['.claude/settings.json', '[]', 1, /expected an object/],
    ['.claude/settings.json', '{\n  "permissions": []\n}', 2, /permissions: expected an object/],
    ['.mcp.json', '{\n  "mcpServers": nope\n}', 2, /not valid JSON/],
    ['.mcp.json', '{"servers":{}}', 1, /mcpServers/],
    ['.mcp.json', '{"mcpServers":{\n"x":{}}}', 2, /needs "command" or "url"/],
    ['.mcp.json', '{"mcpServers":{"x":{\n"url":"ftp://x"}}}', 2, /not an http/],
    ['.claude/agents/a.md', '---\nname: [a\n---\n', 3, /front matter/],
    ['.claude/commands/c.md', '---\n\tx: y\n---\n', 2, /front matter/],
    ['.claude/skills/s/SKILL.md', '---\nname: x\n', 1, /no closing/],
  ])('%s: %j is an error at line %i', (file, text, line, message) => {
    const problem = first({ 'CLAUDE.md': '', [file]: text });
    expect(problem).toMatchObject({ severity: 'error', file, line });
    expect(problem?.message).toMatch(message);
  });

  it.each([
    ['{\n  "apiKeyHelper": "x"\n}', 2, /apiKeyHelper/],
    ['{\n  "cleanupPeriodDays": 0\n}', 2, /conversations are kept/],
    ['{"env":{\n"ANTHROPIC_BASE_URL":"http://x"}}', 2, /the platform chooses the endpoint/],
    ['{"env":{\n"CLAUDE_CODE_USE_BEDROCK":"1"}}', 2, /has no effect/],
    ['{"sandbox":{"enabled":true}}', 1, /a sandbox of its own/],
    ['{"agent":"nobody"}', 0, /no agent "nobody"/],
  ])('%j is a warning at line %i', (settings, line, message) => {
    const problem = first({ '.claude/settings.json': settings });
    expect(problem).toMatchObject({ severity: 'warning', file: '.claude/settings.json', line });
    expect(problem?.message).toMatch(message);
  });

  it('are none in a folder that is well', () => {
    const files = {
      'CLAUDE.md': '# Hi',
      '.claude/settings.json': '{"permissions":{"allow":["Bash"]},"env":{"TZ":"UTC"}}',
      '.claude/agents/a.md': agent('a', 'model: inherit\n'),
      '.claude/commands/c.md': 'Say $ARGUMENTS',
    };
    expect(detect(files).problems).toEqual([]);
  });
});
