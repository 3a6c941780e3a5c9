import { describe, expect, test } from 'vitest';
import { appFolderOf } from '../../app/index.ts';
import { detectApp } from './detect.ts';

const told = (file: string, text: string) =>
  detectApp(appFolderOf({ [file]: text })).problems.map(
    ({ severity, line, message }) => `${severity} ${line} ${message}`,
  );
const config = (text: string) => told('opencode.json', text);
const markdown = (front: string) => `---\n${front}\n---\nYou help.\n`;

describe('a configuration that OpenCode would not start with is an error, with its line', () => {
  const decision = 'expected one of "ask"|"allow"|"deny"';
  test.each([
    ['{\n "permission": {\n  "bash": "perhaps"\n }\n}', `3 permission.bash: ${decision}`],
    ['{"permission": {"bash": {\n"git *": "no"}}}', `2 permission.bash.git *: ${decision}`],
    ['{\n"agent": 5}', '2 agent: expected object, received number'],
    ['{\n"model": 5}', '2 model: expected string, received number'],
    [
      '{"mcp": {"x": {"type": "local",\n"command": "node x.mjs"}}}',
      '2 mcp.x.command: expected array, received string',
    ],
    ['{"mcp": {"x": {\n"type": "stdio", "command": ["x"]}}}', '2 mcp.x.type: expected "local"'],
  ])('%j', (text, problem) => {
    expect(config(text)).toEqual([`error ${problem}`]);
  });

  test.each([
    ['agent', 'description: d\nmode: primarry', '3 mode: expected one of'],
    ['agent', 'description: d\ntools: Read, Bash', '3 tools: expected object, received string'],
    ['agents', 'permission:\n  bash: perhaps', '2 permission.bash: expected one of'],
    ['command', 'description: 5', '2 description: expected string, received number'],
  ])('.opencode/%s/x.md with %j', (folder, front, problem) => {
    const problems = told(`.opencode/${folder}/x.md`, markdown(front));
    expect(problems).toEqual([expect.stringContaining(`error ${problem}`)]);
  });
});

describe('what OpenCode takes is none of ours to refuse', () => {
  test.each([
    '{}',
    '{"$schema": "https://opencode.ai/config.json", "permission": "ask", // all\n}',
    '{"keybinds": {"leader": "ctrl+x"}, "nobody_knows_this": [1]}',
    '{"mcp": {"x": {"type": "local", "command": ["x"], "more": 1}, "y": {"enabled": false}}}',
    '{"provider": {"local": {"npm": "p", "models": {"m": {"limit": {"context": 1, "output": 2}}}}}}',
    '{"agent": {"a": {"mode": "{env:MODE}", "color": "{file:./color}", "own": {"deep": [1]}}}}',
    '{"formatter": true, "lsp": {"x": {"disabled": true}}, "tools": {"bash": false}}',
  ])('%j', (text) => {
    expect(config(text)).toEqual([]);
  });

  test('nor what a Markdown file has besides', () => {
    expect(told('.opencode/agent/a.md', markdown('mode: all\nanything: [1, 2]'))).toEqual([]);
    expect(told('.opencode/agent/b.md', 'no front matter')).toEqual([]);
    expect(told('.opencode/command/c.md', 'Say $ARGUMENTS')).toEqual([]);
  });
});
