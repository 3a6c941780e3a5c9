import { createClaudeCode } from './claude-code/index.ts';
import { createOpenCode } from './opencode/index.ts';
import type { Harness, HarnessId } from './port.ts';

/**
 * The harnesses of this build, by id. Whether one is installed, it says itself. Where a folder fits
 * several, an earlier one comes first.
 */
export function createHarnesses(): ReadonlyMap<HarnessId, Harness> {
  const harnesses = [createClaudeCode(), createOpenCode()];
  return new Map(harnesses.map((harness) => [harness.id, harness]));
}
