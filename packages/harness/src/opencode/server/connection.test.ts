import { expect, test } from 'vitest';
import { patienceWith } from './connection.ts';

/** OpenCode's own patience with an MCP server that does not answer. */
const MCP_MS = 30_000;

test.each(['/command', '/config/providers'])(
  '%s outlasts an MCP server that hangs, which OpenCode goes on without',
  (path) => {
    expect(patienceWith(path)).toBeGreaterThanOrEqual(2 * MCP_MS);
  },
);

test('a slash command takes as long as its turn, and anything else is given up', () => {
  expect(patienceWith('/session/ses_1/command')).toBeNull();
  expect(patienceWith('/session/ses_1/prompt_async')).toBe(30_000);
  expect(patienceWith('/session/ses_1/message')).toBe(30_000);
});
