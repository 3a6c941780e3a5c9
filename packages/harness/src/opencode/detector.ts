import { HARNESS_NAMES } from '../names.ts';
import type { HarnessDetector } from '../port.ts';
import { detectApp } from './app/detect.ts';

/** What OpenCode is and how its applications are told. */
export const openCodeDetector: HarnessDetector = {
  id: 'opencode',
  name: HARNESS_NAMES.opencode,
  capabilities: {
    families: ['anthropic', 'openai'],
    thinking: true,
    agentPerTurn: true,
    questions: true,
    images: true,
  },
  detect: detectApp,
};
