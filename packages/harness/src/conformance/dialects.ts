import type { Dialect } from './kit.ts';

/** OpenCode's tools, and a background sub-agent switched on. */
export const opencodeDialect: Dialect = {
  shell: (command) => ({ name: 'bash', input: { command, description: 'a test' } }),
  subAgent: (prompt) => ({
    name: 'task',
    input: { description: 'below', subagent_type: 'general', prompt },
  }),
  backgroundAgent: (prompt) => ({
    name: 'task',
    input: { description: 'behind', subagent_type: 'general', background: true, prompt },
  }),
  question: (question, choices) => ({
    name: 'question',
    input: {
      questions: [
        {
          question,
          header: 'Choice',
          options: choices.map((label) => ({ label, description: label })),
        },
      ],
    },
  }),
  mcpEcho: (text) => ({ name: 'echo_echo', input: { text } }),
  skill: (name) => ({ name: 'skill', input: { name } }),
  unknownEvent: {
    steps: [
      {
        tools: [
          {
            name: 'todowrite',
            input: { todos: [{ content: 'roast', status: 'pending', priority: 'high' }] },
          },
        ],
      },
      { text: 'planned' },
    ],
    kind: /^todo\.updated$/,
  },
  protectedFiles: [
    'opencode.json',
    'AGENTS.md',
    '.opencode/agent/reviewer.md',
    '.opencode/agent/planted.md',
    '.opencode/plugin/planted.js',
    '.claude/skills/planted/SKILL.md',
  ],
  absentFiles: ['opencode.jsonc', 'CLAUDE.md', '.opencode/opencode.json', '.mcp.json'],
  unknownId: 'ses_00000000000000000000000000',
  env: { OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS: '1' },
};
