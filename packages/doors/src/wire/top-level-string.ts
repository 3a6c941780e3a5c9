const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * The string that a JSON object has under `name`, without parsing the rest of it, which may be
 * megabytes. Of several the last counts, as it does for parsers; `null` when there is none.
 */
export function topLevelString(body: Buffer, name: string): string | null {
  let found: string | null = null;
  let depth = 0;
  let last: { start: number; end: number } | null = null;
  let awaited = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) {
      const end = endOfString(body, at);
      if (awaited) found = parsed(body, at, end);
      last = { start: at, end };
      awaited = false;
      at = end;
    } else if (byte === COLON) {
      awaited = depth === 1 && last !== null && parsed(body, last.start, last.end) === name;
      if (awaited) found = null;
    } else if (byte === COMMA) {
      awaited = false;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      awaited = false;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
    }
  }
  return found;
}

/** The longest key or value that is looked at. */
const READ_BYTES = 4_096;

function parsed(body: Buffer, start: number, end: number): string | null {
  if (end - start > READ_BYTES) return null;
  try {
    const value: unknown = JSON.parse(body.toString('utf8', start, end + 1));
    return typeof value === 'string' ? value : null;
  } catch {
    // The body is no JSON: nobody will find a name in it.
    return null;
  }
}

/** Where a string ends that begins at `start`; the end of the body when it does not. */
export function endOfString(body: Buffer, start: number): number {
  // Images and long texts are one string each: the search inside them is the engine's own.
  for (let end = body.indexOf(QUOTE, start + 1); end !== -1; end = body.indexOf(QUOTE, end + 1)) {
    let before = end - 1;
    while (body[before] === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
  return body.length;
}
