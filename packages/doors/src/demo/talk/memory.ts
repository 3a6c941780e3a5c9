const TOLD = /\bmy ([\p{L}][\p{L}\d '-]{1,40}?) (?:is|are|was) ([^.!?\n]{1,80})/giu;
const ASKED =
  /\bwhat(?:'s| is| are| was| were)? my ([\p{L}][\p{L}\d '-]{1,40}?)\s*(?:again)?\s*\?*$/iu;
const ASKED_BEFORE =
  /\bwhat (?:did|have|do|was|were) (?:i|we|my) .{0,40}\b(?:ask|asked|say|said|talk|talked|question|questions|message)\b|\bmy (?:last|previous|first|earlier) (?:question|message)/i;

/**
 * What a person asks about the conversation itself: what they told about themselves, or what they
 * asked before. `null` for any other question.
 */
export function recall(question: string, earlier: readonly string[]): string | null {
  if (ASKED_BEFORE.test(question)) return earlierQuestions(question, earlier);
  const asked = ASKED.exec(question)?.[1]?.toLowerCase();
  if (asked !== undefined) {
    const value = told(earlier).get(asked);
    return value === undefined ? null : `Your ${asked} is ${value}.`;
  }
  const now = [...told([question])];
  if (now.length === 0 || question.includes('?')) return null;
  const [name] = now.filter(([what]) => what === 'name').map(([, value]) => value);
  if (name !== undefined) return `Nice to meet you, ${name}! What can I do for you?`;
  const [[what, value] = ['', '']] = now;
  return `Thank you, I will remember that your ${what} is ${value}.`;
}

/** What a person said of themselves: `my name is Ada`. The last word on each thing counts. */
function told(messages: readonly string[]): Map<string, string> {
  const facts = new Map<string, string>();
  for (const message of messages) {
    for (const [, what = '', value = ''] of message.matchAll(TOLD)) {
      facts.set(what.toLowerCase(), value.trim());
    }
  }
  return facts;
}

function earlierQuestions(question: string, earlier: readonly string[]): string {
  if (earlier.length === 0) return 'This is the first thing you have asked me.';
  const quoted = earlier.map((text) => `"${shortened(text)}"`);
  const first = quoted[0] ?? '';
  if (/\bfirst\b/i.test(question)) return `The first thing you said was ${first}.`;
  if (quoted.length === 1) return `Before this you said ${first}.`;
  return `Before this you said: ${quoted.slice(-RECALLED).join(', then ')}.`;
}

/** Earlier messages that are quoted back, the latest ones. */
const RECALLED = 5;
const QUOTED_CHARACTERS = 80;

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= QUOTED_CHARACTERS ? line : `${line.slice(0, QUOTED_CHARACTERS).trimEnd()}…`;
}
