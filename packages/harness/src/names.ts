import type { HarnessId } from './port.ts';

/** What people call the harnesses. A module of its own: a command that names one loads none. */
export const HARNESS_NAMES: Readonly<Record<HarnessId, string>> = {
  'claude-code': 'Claude Code',
  opencode: 'OpenCode',
};
