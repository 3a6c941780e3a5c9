import type { Harness } from '@karta/harness';
import { createClaudeCode } from '../../packages/harness/src/claude-code/index.ts';
import { createOpenCode } from '../../packages/harness/src/opencode/index.ts';
import type { TurnTimes } from '../platform/turn.ts';
import { startClaudeCode } from './claude-code.ts';
import type { BareSandbox } from './ground.ts';
import { startOpenCode } from './opencode.ts';

/** A harness driven by its own interface: the floor that the platform is measured against. */
export interface BareHarness {
  turn(text: string): Promise<TurnTimes>;
  /** The conversation's id, to be taken up by `resume`. */
  readonly conversation: string;
  close(): Promise<void>;
}

export interface Subject {
  /** Also the name of its folder in `bench/applications`. */
  name: 'opencode' | 'claude-code';
  harness: Harness;
  start(place: BareSandbox, resume?: string): Promise<BareHarness>;
}

/** The harnesses that are installed here. */
export async function subjects(): Promise<Subject[]> {
  const all: Subject[] = [
    { name: 'opencode', harness: createOpenCode(), start: startOpenCode },
    { name: 'claude-code', harness: createClaudeCode(), start: startClaudeCode },
  ];
  const installed = await Promise.all(all.map(({ harness }) => harness.installed()));
  return all.filter((_, index) => installed[index]?.installed === true);
}
