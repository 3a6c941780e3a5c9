/** Digits that every number has which a double holds exactly. */
const HELD_DIGITS = 15;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const POINT = 0x2e;

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** What this engine has of ES2026 and the compiler's library does not name yet. */
const exact = JSON as unknown as {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): object;
};

/**
 * What a body says as JSON, to be written again: a number that would lose digits stays as it was
 * written, as an object that only `JSON.stringify` can read. Throws a `SyntaxError` for what is none.
 */
export function exactJson(body: Buffer): unknown {
  const text = body.toString();
  if (!hasLongNumber(body)) return JSON.parse(text);
  return exact.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && losesDigits(value, source)
      ? exact.rawJSON(source)
      : value,
  );
}

function losesDigits(value: number, source: string): boolean {
  if (String(value) === source || Number.isSafeInteger(value)) return false;
  return source.replace(/[eE].*|[^0-9]/g, '').length > HELD_DIGITS;
}

/** Whether there are more digits in a row than a double holds: every sixteenth byte tells. */
function hasLongNumber(body: Buffer): boolean {
  for (let at = HELD_DIGITS; at < body.length; at += HELD_DIGITS + 1) {
    if (!isOfNumber(body[at])) continue;
    let from = at;
    while (isOfNumber(body[from - 1])) from -= 1;
    let to = at;
    while (isOfNumber(body[to + 1])) to += 1;
    if (to - from >= HELD_DIGITS) return true;
  }
  return false;
}

function isOfNumber(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= DIGIT_0 && byte <= DIGIT_9) || byte === POINT);
}
