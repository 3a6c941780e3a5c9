import type { Prompt } from '../prompt.ts';
import { scriptIn } from '../script/parse.ts';
import { saidIn } from '../script/said.ts';

/** How harnesses begin the instructions of the call that names a conversation. */
const TITLE_INSTRUCTIONS =
  /you are a title generator|generate a (?:short |concise )?title for|come up with a succinct title/i;
/** A line that a harness puts before the conversation to be named. */
const TITLE_PREAMBLE = /^generate a title for this conversation:?\s*/i;
const TITLE_WORDS = 6;

/** Whether a harness asks for the name of a conversation, not for an answer. */
export function isTitleRequest({ system, tools }: Prompt): boolean {
  return tools.length === 0 && system.some((text) => TITLE_INSTRUCTIONS.test(text.slice(0, 400)));
}

/** A short name for the conversation: the first words that the person said. */
export function titleOf({ messages }: Prompt): string {
  for (const message of messages) {
    const said = saidIn(message).replace(TITLE_PREAMBLE, '').replace(/^"|"$/g, '');
    const plain = scriptIn(said) === null ? said : said.replace(/(@@|%%)\[[\s\S]*\]\1/, ' ');
    const words = plain.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
    if (words.length === 0) continue;
    const short = words.slice(0, TITLE_WORDS).join(' ');
    return short.replace(/[.,;:!?]+$/, '');
  }
  return 'New conversation';
}
