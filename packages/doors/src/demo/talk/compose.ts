import type { Handbook } from './passages.ts';
import type { Found } from './search.ts';

/** Passages as good as this part of the best are told too. */
const ALSO = 0.85;
const MAX_PASSAGES = 3;
const MAX_TOPICS = 8;
/** An instruction on what to tell somebody, without which the rest is what to tell. */
const TELLING =
  /^(?:if|when) (?:an?|the) (?:customer|user|visitor|person|reader)[^,:]*[,:]\s*(?:tell|answer|reply|say)(?: to)?(?: them)?(?: that)?[:,]?\s*/i;

/** An answer from what was found: the best passage, and those as good. */
export function answerFrom(found: readonly Found[]): string {
  const best = found[0]?.score ?? 0;
  const good = found.filter(({ score }) => score >= best * ALSO).slice(0, MAX_PASSAGES);
  return good.map(({ text }) => sentence(text.replace(TELLING, ''))).join(' ');
}

/** What the demo model says when the instructions have no answer. */
export function noAnswer(book: Handbook): string {
  const self =
    "I am Karta's embedded demo model: no provider key is set, so I can only repeat what this application's own instructions say.";
  const topics = topicList(book);
  return topics === ''
    ? `${self} They hold nothing that I could tell about.`
    : `I found nothing about that. ${self} You can ask me about ${topics}.`;
}

/** The answer to a greeting. */
export function greeting(book: Handbook): string {
  const who = book.title === null ? 'the demo model' : `the ${book.title.replace(/^the /i, '')}`;
  const topics = topicList(book);
  const offer = topics === '' ? 'What can I do for you?' : `You can ask me about ${topics}.`;
  return `Hello! I am ${who}. ${offer}`;
}

function topicList({ topics }: Handbook): string {
  const names = topics.slice(0, MAX_TOPICS).map(asTopic);
  const last = names.pop();
  if (last === undefined) return '';
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`;
}

/** A heading within a sentence: `Opening hours` becomes `opening hours`, `FAQ` stays. */
function asTopic(heading: string): string {
  return /^\p{Lu}\p{Ll}/u.test(heading) ? heading[0]?.toLowerCase() + heading.slice(1) : heading;
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…:)]$/.test(begun) ? begun : `${begun}.`;
}
