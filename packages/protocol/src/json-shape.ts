/** The bytes that give JSON its shape, outside strings. */
export const JSON_BYTES = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

const BACKSLASH = 0x5c;

/** What JSON may be before anything is allocated for it. */
export interface JsonBounds {
  /** Objects and arrays within each other. */
  depth: number;
  /** Commas, colons and opening brackets outside strings: a bound of the values it makes. */
  marks: number;
}

/** What bytes look like before they are parsed. */
export interface JsonShape {
  /** Why they must not be parsed; `null`: they may be. */
  excess: 'too_deep' | 'too_many' | null;
  /** Members of all its objects, if it is JSON: as many as it has colons outside strings. */
  members: number;
}

/**
 * What JSON of a stranger looks like. Fifty megabytes of `{},{},…` become a gigabyte of objects, so
 * this looks before anything is allocated. What is inside strings counts for nothing; whether the
 * bytes are JSON at all is the parser's to say.
 */
export function jsonShape(bytes: Uint8Array, bounds: JsonBounds): JsonShape {
  let depth = 0;
  let marks = 0;
  let members = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case JSON_BYTES.quote:
        at = endOfJsonString(bytes, at);
        break;
      case JSON_BYTES.comma:
        marks += 1;
        break;
      case JSON_BYTES.colon:
        members += 1;
        break;
      case JSON_BYTES.openBracket:
      case JSON_BYTES.openBrace:
        marks += 1;
        depth += 1;
        if (depth > bounds.depth) return { excess: 'too_deep', members };
        break;
      case JSON_BYTES.closeBracket:
      case JSON_BYTES.closeBrace:
        depth -= 1;
        break;
    }
  }
  return { excess: marks + members > bounds.marks ? 'too_many' : null, members };
}

/** Why JSON of a stranger must not be parsed, or `null`. */
export function jsonExcess(bytes: Uint8Array, bounds: JsonBounds): JsonShape['excess'] {
  return jsonShape(bytes, bounds).excess;
}

/** Bytes of a string that are looked at one by one: names and ids are shorter than a native call. */
const SHORT_STRING_BYTES = 48;

/** Where a JSON string ends that begins at `start`; the end of the bytes when it does not. */
export function endOfJsonString(bytes: Uint8Array, start: number): number {
  const near = Math.min(start + SHORT_STRING_BYTES, bytes.length);
  let from = start + 1;
  for (; from < near; from += 1) {
    const byte = bytes[from];
    if (byte === JSON_BYTES.quote) return from;
    if (byte === BACKSLASH) from += 1;
  }
  // Images and long texts are one string each: the search inside them is the engine's own.
  for (
    let end = bytes.indexOf(JSON_BYTES.quote, from);
    end !== -1;
    end = bytes.indexOf(JSON_BYTES.quote, end + 1)
  ) {
    let before = end - 1;
    while (bytes[before] === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
  return bytes.length;
}
