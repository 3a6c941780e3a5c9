import type { PromptMessage } from '../prompt.ts';

/** `<system-reminder>…</system-reminder>` and the like: harness notes inside user messages. */
const NOTE = /<([a-z]+(?:-[a-z]+)+)>[\s\S]*?<\/\1>/g;

/** Whole user messages that harnesses write by themselves to make the model go on. */
const CONTINUATIONS = [
  'Continue from where you left off.',
  'Summarize the task tool output above and continue with your task.',
  'Continue if you have next steps',
  '[Request interrupted by user',
  '[Your previous response had no visible output',
  'Base directory for this skill: ',
];

/** What a person said in a message: without the harness's notes, empty for mere tool results. */
export function saidIn(message: PromptMessage): string {
  return partsSaidIn(message).join('\n');
}

/**
 * The last thing a person said in a message. A harness joins messages that follow each other, as
 * after a model call that failed: each then keeps its own block.
 */
export function lastSaidIn(message: PromptMessage): string {
  return partsSaidIn(message).at(-1) ?? '';
}

function partsSaidIn(message: PromptMessage): string[] {
  if (message.role !== 'user') return [];
  return message.texts
    .map((part) => part.replace(NOTE, '').trim())
    .filter((part) => part !== '' && !CONTINUATIONS.some((start) => part.startsWith(start)));
}
