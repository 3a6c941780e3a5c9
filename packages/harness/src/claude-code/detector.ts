import { HARNESS_NAMES } from '../names.ts';
import type { HarnessDetector } from '../port.ts';
import { detectClaudeCode } from './app/detect.ts';

/** What Claude Code is and how its applications are told. */
export const claudeCodeDetector: HarnessDetector = {
  id: 'claude-code',
  name: HARNESS_NAMES['claude-code'],
  capabilities: {
    families: ['anthropic'],
    thinking: true,
    agentPerTurn: true,
    questions: true,
    images: true,
  },
  detect: detectClaudeCode,
};
