import { createHash } from 'node:crypto';
import type { Refusal } from '../wire/errors.ts';
import type { Prompt } from './prompt.ts';
import { type Pace, type Reply, say } from './reply.ts';
import type { Attempts } from './script/attempts.ts';
import { positionIn } from './script/position.ts';
import { refusalOf, replyOf } from './script/reply.ts';
import { talk } from './talk/talk.ts';
import { isTitleRequest, titleOf } from './talk/title.ts';

/** A refusal that the script asks for. */
export interface ScriptedRefusal {
  refusal: Refusal;
  message: string;
  pace: Pace;
}

/** Said when a script has no step left, for example after a tool call in its last one. */
const SCRIPT_OVER = 'Done.';

/**
 * What the demo model answers: a title when a harness asks for one, the step of the script when the
 * person's last message has one, else its own words. `scope` keeps the tries of different channels
 * apart.
 */
export function decide(prompt: Prompt, scope: string, attempts: Attempts): Reply | ScriptedRefusal {
  if (isTitleRequest(prompt)) return say([titleOf(prompt)]);
  const position = positionIn(prompt.messages);
  if (position === null) return talk(prompt);
  const { step, source, index } = position;
  if (step === null) return say([SCRIPT_OVER]);
  const reply = replyOf(step);
  if (step.err === undefined) return reply;
  const conversation = prompt.messages.map(({ role, texts }) => [role, texts]);
  const key = createHash('sha256')
    .update(JSON.stringify([scope, source, index, conversation]))
    .digest('base64');
  const refusal = refusalOf(step, attempts.next(key));
  if (refusal === null) return reply;
  return { refusal, message: `The script asks for a ${step.err}.`, pace: reply.pace };
}
