import { createClaudeCode } from './claude-code/index.ts';
import { createOpenCode } from './opencode/index.ts';
import type { Harness, HarnessId } from './port.ts';

/** The harnesses of this build, preferred first where a folder fits several. */
export function createHarnesses(): ReadonlyMap<HarnessId, Harness> {
  const harnesses = [createClaudeCode(), createOpenCode()];
  return new Map(harnesses.map((harness) => [harness.id, harness]));
}
