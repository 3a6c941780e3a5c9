import type { PromptMessage } from '../prompt.ts';
import { parseScript, type ScriptStep, scriptIn } from './parse.ts';
import { lastSaidIn } from './said.ts';

/** Where a conversation stands in its script. */
export interface ScriptPosition {
  source: string;
  /** Assistant turns since the scripted message. */
  index: number;
  /** `null`: the script is over. */
  step: ScriptStep | null;
}

/**
 * The step that a conversation has come to, from the conversation alone: the script is in the last
 * thing a person said, the index is the number of assistant turns after it. So it survives restarts
 * and any number of sessions run at once. `null` when the last thing said holds no script.
 */
export function positionIn(messages: readonly PromptMessage[]): ScriptPosition | null {
  let index = 0;
  let later: PromptMessage['role'] | null = null;
  for (const message of messages.toReversed()) {
    const said = lastSaidIn(message);
    if (said !== '') {
      const source = scriptIn(said);
      if (source === null) return null;
      return { source, index, step: parseScript(source)[index] ?? null };
    }
    if (message.role === 'assistant' && later !== 'assistant') index += 1;
    later = message.role;
  }
  return null;
}
