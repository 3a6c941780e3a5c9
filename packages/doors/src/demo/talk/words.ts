/** Words that say nothing about what a question is about. */
const STOP = new Set(
  (
    'a about after again all also am an and any anyone anything are as at be because been before being ' +
    'available but by can could did do does doing don for from get give go going got had has have having he hello ' +
    'her here hey hi him his how i if in into is it its just kind know let like long make many me method might more ' +
    'most much must my ' +
    'need no not now of off offer ok on once only or other our out over please s say sell she should so some ' +
    'something sort t take tell than thank thanks that the their them then there these they this those to too ' +
    'up us very want was we were what when where which while who why will with would write yes you your'
  ).split(' '),
);

/** Words that people use for the same thing, as stems. */
const ALIKE: readonly (readonly string[])[] = [
  ['ship', 'deliver', 'delivery', 'send', 'parcel', 'postage'],
  ['refund', 'return', 'reimburse'],
  ['cost', 'price', 'euro', 'expensive', 'fee', 'charge', 'cheap'],
  ['open', 'opening', 'hour', 'close'],
  ['address', 'location', 'located', 'find', 'directions'],
  ['contact', 'email', 'phone', 'reach', 'call'],
  ['cancel', 'stop', 'pause', 'end', 'quit'],
  ['order', 'purchase', 'buy'],
  ['pay', 'payment', 'card', 'paypal'],
  ['broken', 'damage', 'faulty', 'defective'],
  ['gift', 'present', 'voucher'],
  ['decaf', 'decaffeinated', 'caffeine'],
  ['abroad', 'country', 'international', 'outside'],
  ['wholesale', 'bulk', 'restaurant'],
];

const GROUPS = new Map<string, number>();
for (const [group, words] of ALIKE.entries())
  for (const word of words) GROUPS.set(stem(word), group);

/** Turns of phrase, and the word they stand for. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\bwhere\b/i, 'address'],
  [/\bhow much\b/i, 'cost'],
  [/\bmoney back\b/i, 'refund'],
  [/\b(?:US|USA|UK|worldwide|overseas|internationally)\b/, 'outside'],
];

/** Stems of what a question asks for, the meaning of its phrases included. */
export function askedIn(question: string): Set<string> {
  let meant = question;
  for (const [phrase, word] of PHRASES) meant = meant.replace(phrase, word);
  return stemsOf(meant);
}

/** Stems of the words of a text that mean something, each once. */
export function stemsOf(text: string): Set<string> {
  const words = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu);
  return new Set((words ?? []).filter((word) => !STOP.has(word)).map(stem));
}

/** Takes the commonest English endings off, so that `ships`, `shipped` and `shipping` meet. */
export function stem(word: string): string {
  if (word.length <= 3) return word;
  let root = word
    .replace(/ies$/, 'y')
    .replace(/(ss|x|ch|sh)es$/, '$1')
    .replace(/([^su])s$/, '$1');
  const cut = root.replace(/(?:ing|ed|ly|ment)$/, '');
  if (cut.length >= 3 && /[aeiouy]/.test(cut)) root = cut.replace(/([bdglmnprt])\1$/, '$1');
  return root.length > 4 ? root.replace(/[ey]$/, '') : root;
}

/** How much one stem stands for another: 1 the same, less for kin, 0 for strangers. */
export function kinship(asked: string, written: string): number {
  if (asked === written) return 1;
  const group = GROUPS.get(asked);
  if (group !== undefined && group === GROUPS.get(written)) return ALIKE_WEIGHT;
  const shorter = Math.min(asked.length, written.length);
  if (shorter < KIN_PREFIX) return 0;
  const prefix = asked.slice(0, Math.max(KIN_PREFIX, shorter - 2));
  return written.startsWith(prefix) ? KIN_WEIGHT : 0;
}

const ALIKE_WEIGHT = 0.6;
const KIN_WEIGHT = 0.7;
/** Two words with so many first letters in common are taken for kin. */
const KIN_PREFIX = 5;
