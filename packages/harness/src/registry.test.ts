import { expect, test } from 'vitest';
import { appFolderOf } from './app/index.ts';
import { createHarnesses } from './registry.ts';

test('every harness of the build is known by its own id, Claude Code before OpenCode', () => {
  const harnesses = createHarnesses();
  expect([...harnesses.keys()]).toEqual(['claude-code', 'opencode']);
  for (const [id, harness] of harnesses) expect(harness.id).toBe(id);
});

test('a folder is found by the harness whose layout it has', () => {
  const present = (files: Record<string, string>) => {
    const app = appFolderOf(files);
    const found = [...createHarnesses().values()].filter(({ detect }) => detect(app).present);
    return found.map(({ id }) => id);
  };
  expect(present({ 'CLAUDE.md': 'rules' })).toEqual(['claude-code']);
  expect(present({ '.opencode/agent/a.md': 'rules' })).toEqual(['opencode']);
  expect(present({ 'AGENTS.md': 'rules' })).toEqual(['opencode']);
  expect(present({ 'CLAUDE.md': 'rules', '.opencode/agent/a.md': 'rules' })).toEqual([
    'claude-code',
    'opencode',
  ]);
  expect(present({ 'README.md': 'text' })).toEqual([]);
});
