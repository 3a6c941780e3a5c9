import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createNamespaceDriver,
  createNoneDriver,
  createReader,
  type Sandbox,
} from '@karta/sandbox';
import { describe, test } from 'vitest';
import { createClaudeCode } from '../../packages/harness/src/claude-code/index.ts';
import {
  carried,
  type Dialect,
  harnessConformance,
} from '../../packages/harness/src/conformance/index.ts';
import { createKit } from './stand.ts';

/** A stall is noticed after this; in real use after two minutes. */
const MODEL_STALL_MS = 10_000;

const agent = (prompt: string, more: object) => ({
  name: 'Agent',
  input: { description: 'a test', subagent_type: 'general-purpose', prompt, ...more },
});

/** Claude Code's tools. Its sub-agents work in the background unless told otherwise. */
const claudeDialect: Dialect = {
  shell: (command) => ({ name: 'Bash', input: { command, description: 'a test' } }),
  subAgent: (prompt) => agent(prompt, { run_in_background: false }),
  backgroundAgent: (prompt) => agent(prompt, { run_in_background: true }),
  question: (question, choices) => ({
    name: 'AskUserQuestion',
    input: {
      questions: [
        {
          question,
          header: 'Choice',
          multiSelect: false,
          options: choices.map((label) => ({ label, description: label })),
        },
      ],
    },
  }),
  mcpEcho: (text) => ({ name: 'mcp__echo__echo', input: { text } }),
  skill: (name) => ({ name: 'Skill', input: { skill: name } }),
  unknownEvent: {
    steps: [
      { tools: [agent(carried({ text: 'seen' }), { run_in_background: false })] },
      { text: 'planned' },
    ],
    kind: /^task_/,
  },
  protectedFiles: [
    'CLAUDE.md',
    '.mcp.json',
    '.claude/settings.json',
    '.claude/settings.local.json',
    '.claude/agents/reviewer.md',
    '.claude/agents/planted.md',
    '.claude/commands/hello.md',
    '.claude/hooks/planted.sh',
  ],
  absentFiles: [
    'CLAUDE.local.md',
    'AGENTS.md',
    '.claude/settings.local.json',
    '.claude/agents/planted.md',
  ],
  unknownId: '00000000-0000-4000-8000-000000000000',
  env: {},
};

const harness = createClaudeCode({ modelStallMs: MODEL_STALL_MS });
const installed = await harness.installed();
if (installed.installed) {
  const parts = {
    harness,
    dialect: claudeDialect,
    reader: async (sandbox: Sandbox) => createReader(sandbox),
  };
  const rung = await strongestRung();
  harnessConformance(
    `Claude Code, isolation: ${rung.isolation}`,
    await createKit({ ...parts, ...rung }),
  );
} else {
  describe('Claude Code', () => test.skip(`${installed.message}, or: npm run setup:test`));
}

/** Namespaces where the machine has them, plain processes elsewhere. */
async function strongestRung() {
  const root = await mkdtemp(join(tmpdir(), 'kp-'));
  try {
    const probe = createNamespaceDriver({ home: root, runtimeDir: root }).probe();
    if ((await probe).usable) {
      return { isolation: 'namespace', driver: createNamespaceDriver, protects: true };
    }
    return { isolation: 'none', driver: createNoneDriver, protects: false };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
