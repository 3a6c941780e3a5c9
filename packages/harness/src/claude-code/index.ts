import type { Harness } from '../port.ts';
import { detectClaudeCode } from './app/detect.ts';
import { readTranscript } from './history/transcript.ts';
import { installation, loadSdk } from './locate-sdk.ts';
import { provisionFor } from './provision.ts';
import { ClaudeSession } from './session.ts';

/** Claude Code, driven by the official Agent SDK on the real binary in a sandbox. */
export function createClaudeCode(): Harness {
  return {
    id: 'claude-code',
    name: 'Claude Code',
    capabilities: {
      families: ['anthropic'],
      thinking: true,
      agentPerTurn: true,
      questions: true,
      images: true,
    },
    installed: async () => installation(),
    detect: detectClaudeCode,
    provision: provisionFor,
    async open(run) {
      const { sdk } = await loadSdk();
      return ClaudeSession.open(run, sdk);
    },
    history: readTranscript,
  };
}
