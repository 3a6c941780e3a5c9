import type { PromptMessage } from '../prompt.ts';

/** `<system-reminder>…</system-reminder>` and the like: harness notes inside user messages. */
const NOTE = /<([a-z]+(?:-[a-z]+)+)>[\s\S]*?<\/\1>/g;

/** Whole user messages that harnesses write by themselves to make the model go on. */
const CONTINUATIONS = [
  'Continue from where you left off.',
  'Summarize the task tool output above and continue with your task.',
  'Continue if you have next steps',
  '[Request interrupted by user',
];

/** What a person said in a message: without the harness's notes, empty for mere tool results. */
export function saidIn(message: PromptMessage): string {
  if (message.role !== 'user') return '';
  const text = message.texts
    .map((part) => part.replace(NOTE, '').trim())
    .filter((part) => part !== '' && !CONTINUATIONS.some((start) => part.startsWith(start)));
  return text.join('\n');
}
