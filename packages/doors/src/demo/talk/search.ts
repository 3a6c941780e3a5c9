import type { Passage } from './passages.ts';
import { askedIn, kinship, stemsOf } from './words.ts';

/** A passage and how well it answers, from 0. */
export interface Found extends Passage {
  score: number;
}

/** What a match in a passage's heading counts, against one in its text. */
const HEADING_WEIGHT = 0.6;
/** What a word found in both may count. */
const MAX_MATCH = 1.2;
/** What a word of the question before counts, for short follow-ups. */
const CONTEXT_WEIGHT = 0.35;
/** What makes a short question one that follows another. */
const FOLLOW_UP =
  /^\W*(?:and|but|or|also|what about|how about|what if)\b|\b(?:it|that|they|them|those|there)\b/i;
const FOLLOW_UP_WORDS = 4;
/** A passage must cover so much of what was asked, by rarity, to be an answer. */
const MIN_COVERAGE = 0.38;
/** A word that no passage has counts so much less against the best passage. */
const UNKNOWN_WEIGHT = 0.8;
/** Who the agent is: no answer to anything. */
const ROLE = /^you are\b/i;
/** Rules for the agent, not facts for the person. */
const RULE =
  /^(?:you (?:answer|look|keep|must|should|work|help|never|always)|always|never|do not|don't|be |answer|keep|use |read |write |respond|speak)/i;
const RULE_WEIGHT = 0.4;
/** A question for a time is best answered by a passage that tells one. */
const TIME_ASKED = /\b(?:when|how long|what time|which day)\b/i;
const TIME_TOLD =
  /\b(?:mon|tues|wednes|thurs|fri|satur|sun)day|\b\d{1,2}:\d\d\b|\b(?:hours?|days?|weeks?|months?)\b/i;
const TIME_WEIGHT = 1.3;

/**
 * The passages that answer a question, best first: by the words they share, each weighed by how
 * rare it is. `context` is what was asked before. Empty when none covers enough of the question.
 */
export function search(passages: readonly Passage[], question: string, context: string): Found[] {
  const indexed = passages.map((passage) => ({
    passage,
    text: stemsOf(passage.text),
    heading: stemsOf(passage.heading),
  }));
  const asked = weights(question, context);
  let possible = 0;
  const scores = indexed.map(() => 0);
  for (const [word, weight] of asked) {
    const matches = indexed.map(({ text, heading }) =>
      Math.min(MAX_MATCH, closest(word, text) + HEADING_WEIGHT * closest(word, heading)),
    );
    const holders = matches.filter((match) => match > 0).length;
    const rarity = weight * Math.log(1 + (passages.length + 1) / (holders + 0.5));
    possible += holders === 0 ? rarity * UNKNOWN_WEIGHT : rarity;
    for (const [index, match] of matches.entries()) {
      scores[index] = (scores[index] ?? 0) + match * rarity;
    }
  }
  const wantsTime = TIME_ASKED.test(question);
  return indexed
    .map(({ passage }, index) => ({ ...passage, score: (scores[index] ?? 0) / (possible || 1) }))
    .filter(({ score, text }) => score >= MIN_COVERAGE && !ROLE.test(text))
    .map((found) => {
      const rule = RULE.test(found.text) ? RULE_WEIGHT : 1;
      const time = wantsTime && TIME_TOLD.test(found.text) ? TIME_WEIGHT : 1;
      return { ...found, score: found.score * rule * time };
    })
    .sort((a, b) => b.score - a.score);
}

/** Words asked for. A follow-up leans on the question before it. */
function weights(question: string, context: string): Map<string, number> {
  const words = new Map<string, number>();
  const own = askedIn(question);
  if (own.size < FOLLOW_UP_WORDS && FOLLOW_UP.test(question)) {
    for (const word of askedIn(context)) words.set(word, CONTEXT_WEIGHT);
  }
  for (const word of own) words.set(word, 1);
  return words;
}

function closest(word: string, written: ReadonlySet<string>): number {
  let best = 0;
  for (const other of written) best = Math.max(best, kinship(word, other));
  return best;
}
