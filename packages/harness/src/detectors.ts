import { claudeCodeDetector } from './claude-code/detector.ts';
import { openCodeDetector } from './opencode/detector.ts';

/**
 * The harnesses as far as reading an application folder goes. A module of its own: the builder,
 * which starts anew for each publish, loads no adapter for it.
 */
export const detectors = [claudeCodeDetector, openCodeDetector] as const;
