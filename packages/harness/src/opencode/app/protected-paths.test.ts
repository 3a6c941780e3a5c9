import { expect, test } from 'vitest';
import { appFolderOf } from '../../app/index.ts';
import { protectedPaths } from './protected-paths.ts';

const pathsOf = (files: Record<string, string>) =>
  new Map(protectedPaths(appFolderOf(files)).map(({ path, whenAbsent }) => [path, whenAbsent]));

test('everything that OpenCode reads is protected, there or not', () => {
  const paths = pathsOf({});
  for (const file of ['opencode.json', 'opencode.jsonc', 'AGENTS.md', 'CLAUDE.md', '.mcp.json']) {
    expect(paths.get(file)).toBe('remove');
  }
  expect(paths.get('.opencode/opencode.json')).toBe('remove');
  for (const folder of ['agent', 'agents', 'command', 'skills', 'plugin', 'plugins', 'tool']) {
    expect(paths.get(`.opencode/${folder}`)).toBe('directory');
  }
  expect(paths.get('.claude')).toBe('directory');
});

test('the folder itself stays writable, for the file that OpenCode must put there', () => {
  const paths = pathsOf({ '.opencode/agent/a.md': 'a' });
  expect(paths.has('.opencode')).toBe(false);
  expect(paths.has('.opencode/.gitignore')).toBe(false);
});

test('what else the release has in there is protected too', () => {
  const paths = pathsOf({ '.opencode/prompts/long.txt': 'x', '.opencode/notes.md': 'y' });
  expect(paths.has('.opencode/prompts')).toBe(true);
  expect(paths.has('.opencode/notes.md')).toBe(true);
});

test('no path is named twice', () => {
  const app = appFolderOf({ '.opencode/agent/a.md': 'a', '.opencode/opencode.json': '{}' });
  const paths = protectedPaths(app).map(({ path }) => path);
  expect(new Set(paths).size).toBe(paths.length);
});
