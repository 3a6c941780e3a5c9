import type { Harness } from '../port.ts';
import { MODEL_STALL_MS } from './app/platform-config.ts';
import { findBinary } from './binary.ts';
import { openCodeDetector } from './detector.ts';
import { readHistory } from './history/read-history.ts';
import { provisionFor } from './provision.ts';
import { openSession } from './session.ts';

export interface OpenCodeOptions {
  /** A model that sends nothing for this long in the middle of an answer is given up. */
  modelStallMs?: number;
}

/** OpenCode, driven through its own server inside the sandbox. */
export function createOpenCode(options: OpenCodeOptions = {}): Harness {
  const platform = { modelStallMs: options.modelStallMs ?? MODEL_STALL_MS };
  return {
    ...openCodeDetector,
    installed: async () => findBinary(),
    provision: (setup) => provisionFor(setup, platform),
    open: (run) => openSession(run, platform),
    history: readHistory,
  };
}
