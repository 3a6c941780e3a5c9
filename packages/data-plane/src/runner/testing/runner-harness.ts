import { createHarnesses } from '@karta/harness';

/** The harness that the runner's tests drive, in the few words that differ between harnesses. */
export interface RunnerHarness {
  id: 'claude-code' | 'opencode';
  /** An application that may use its shell without asking. */
  application: Readonly<Record<string, string>>;
  /** The file that holds its instructions. */
  rules: string;
  /** Stands in the command line of its process. */
  process: string;
  shell(command: string): { name: string; input: object };
  read(path: string): { name: string; input: object };
}

const claudeCode: RunnerHarness = {
  id: 'claude-code',
  application: {
    'CLAUDE.md': 'You are a test.\n',
    '.claude/settings.json': '{"permissions":{"allow":["Bash","Read"]}}\n',
  },
  rules: 'CLAUDE.md',
  process: 'stream-json',
  shell: (command) => ({ name: 'Bash', input: { command, description: 'a test' } }),
  read: (path) => ({ name: 'Read', input: { file_path: path } }),
};

const opencode: RunnerHarness = {
  id: 'opencode',
  application: { 'AGENTS.md': 'You are a test.\n' },
  rules: 'AGENTS.md',
  process: 'opencode serve',
  shell: (command) => ({ name: 'bash', input: { command, description: 'a test' } }),
  read: (path) => ({ name: 'read', input: { filePath: path } }),
};

/**
 * The runner does the same for every harness; which one its tests drive matters for their time
 * alone: Claude Code starts in half a second where OpenCode takes four. The full tier drives both.
 */
export const HARNESS: RunnerHarness =
  process.env.KARTA_RUNNER_HARNESS !== 'opencode' && (await isInstalled('claude-code'))
    ? claudeCode
    : opencode;

async function isInstalled(id: 'claude-code'): Promise<boolean> {
  return (await createHarnesses().get(id)?.installed())?.installed === true;
}
