import type { Prompt } from '../prompt.ts';
import { AT_ONCE, type Reply, say } from '../reply.ts';
import { saidIn } from '../script/said.ts';
import { answerFrom, greeting, noAnswer } from './compose.ts';
import { applicationInstructions } from './instructions.ts';
import { recall } from './memory.ts';
import { readHandbook } from './passages.ts';
import { search } from './search.ts';

/** Milliseconds between two words, so that an answer reads as if it were being written. */
const WORD_GAP_MS = 15;

const GREETING =
  /^\W*(?:hi|hello|hey|hiya|howdy|good (?:morning|afternoon|evening|day))\b[\s\p{L}]{0,20}\W*$/iu;
const THANKS = /^\W*(?:thanks|thank you|thx|cheers|great|perfect|ok|okay)\b[\s\p{L}]{0,30}\W*$/iu;
const WHO = /\b(?:who|what) are you\b|\bare you (?:a bot|an? ai|human|real)\b|\bwhich model\b/i;
/** What one can do here, and not what one can do with a thing: "What can I return?" */
const WHAT =
  /\bwhat can (?:i (?:ask|do here)|you (?:do|help|tell|answer))\b|^\W*(?:what can (?:i|you)(?: do)?|help)\W*$/i;
/** What there is in all: no word of it names a passage. */
const WHAT_ALL =
  /^\W*what (?:all |else |things |products )?(?:do|can) (?:you|the (?:shop|store)) (?:sell|offer|have|do|make|serve|provide)(?: here)?\W*$/i;

/**
 * The demo model's own words, from the application's instructions and the conversation alone:
 * the same conversation, the same answer. It never calls a tool.
 */
export function talk(prompt: Prompt): Reply {
  const words = answerTo(prompt).match(/\s*\S+/g) ?? [];
  return say(words, { ...AT_ONCE, gapMs: WORD_GAP_MS });
}

function answerTo(prompt: Prompt): string {
  const said = prompt.messages.map(saidIn).filter((text) => text !== '');
  const question = unquoted(said.at(-1) ?? '');
  const earlier = said.slice(0, -1).map(unquoted);
  const book = readHandbook(applicationInstructions(prompt));
  if (GREETING.test(question)) return greeting(book);
  if (THANKS.test(question)) return 'You are welcome! Is there anything else?';
  if (WHO.test(question)) return `${greeting(book)} ${WHO_I_AM}`;
  const asksForAll = WHAT.test(question) || WHAT_ALL.test(question);
  if (asksForAll && book.topics.length > 0) return greeting(book);
  const recalled = recall(question, earlier);
  if (recalled !== null) return recalled;
  const found = search(book.passages, question, earlier.at(-1) ?? '');
  return found.length > 0 ? answerFrom(found) : noAnswer(book);
}

const WHO_I_AM =
  "My words come from Karta's embedded demo model, which needs no provider key and only knows what is written here.";

/** Some command lines hand a message over in quotes. */
function unquoted(text: string): string {
  return /^"[\s\S]*"$/.test(text) ? text.slice(1, -1) : text;
}
