import { findSdk } from '../packages/harness/src/claude-code/locate-sdk.ts';

/**
 * What a small application consists of where nothing depends on its harness. Claude Code, where it
 * is installed, starts with a fifth of the CPU that OpenCode takes.
 */
export const QUICK: {
  /** The file with its rules. */
  rules: string;
  /** The harness's own name of its shell tool. */
  shell: string;
  /** Files by which its shell asks before it runs a command. */
  asks: Readonly<Record<string, string>>;
} =
  findSdk() === null
    ? {
        rules: 'AGENTS.md',
        shell: 'bash',
        asks: { 'opencode.json': '{"permission":{"bash":"ask"}}' },
      }
    : { rules: 'CLAUDE.md', shell: 'Bash', asks: {} };
