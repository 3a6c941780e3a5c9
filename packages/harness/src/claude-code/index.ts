import type { Harness } from '../port.ts';
import { claudeCodeDetector } from './detector.ts';
import { readTranscript } from './history/transcript.ts';
import { installation, loadSdk } from './locate-sdk.ts';
import { MODEL_STALL_MS } from './platform-settings.ts';
import { provisionFor } from './provision.ts';
import { ClaudeSession } from './session.ts';

export interface ClaudeCodeOptions {
  /** Silence of the model after which its call has failed. Claude Code takes no less than 10 s. */
  modelStallMs?: number;
}

/** Claude Code, driven by the official Agent SDK on the real binary in a sandbox. */
export function createClaudeCode(options: ClaudeCodeOptions = {}): Harness {
  const modelStallMs = options.modelStallMs ?? MODEL_STALL_MS;
  return {
    ...claudeCodeDetector,
    installed: async () => installation(),
    provision: (setup) => provisionFor(setup, { modelStallMs }),
    async open(run) {
      const { sdk } = await loadSdk();
      return ClaudeSession.open(run, sdk, { modelStallMs });
    },
    history: readTranscript,
  };
}
