import { endOfJsonString, JSON_BYTES } from '@karta/protocol';

/** A member of a JSON object: its value is the bytes from `start` up to `end`. */
export interface TopLevelMember {
  /** `null` for a name too long to be looked at. */
  name: string | null;
  /** Where its name begins, with the quotation mark. */
  from: number;
  start: number;
  end: number;
}

/** The longest name, or string asked for, that is looked at. */
const READ_BYTES = 4_096;

/**
 * The members of a JSON object, without parsing their values, which may be megabytes. Of a body that
 * is no JSON object they mean nothing.
 */
export function topLevelMembers(body: Buffer): TopLevelMember[] {
  const members: TopLevelMember[] = [];
  let depth = 0;
  let open: TopLevelMember | null = null;
  let last: { start: number; end: number } | null = null;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === JSON_BYTES.quote) {
      const end = endOfJsonString(body, at);
      if (depth === 1 && open === null) last = { start: at, end: end + 1 };
      at = end;
    } else if (byte === JSON_BYTES.colon) {
      if (depth !== 1 || open !== null || last === null) continue;
      open = { name: stringAt(body, last), from: last.start, start: at + 1, end: body.length };
      members.push(open);
    } else if (byte === JSON_BYTES.openBrace || byte === JSON_BYTES.openBracket) {
      depth += 1;
    } else if (
      byte === JSON_BYTES.comma ||
      byte === JSON_BYTES.closeBrace ||
      byte === JSON_BYTES.closeBracket
    ) {
      if (depth === 1 && open !== null) open.end = at;
      if (depth === 1) open = last = null;
      if (byte !== JSON_BYTES.comma) depth -= 1;
    }
  }
  return members;
}

/**
 * The string that a JSON object has under `name`. Of several the last counts, as it does for
 * parsers; `null` when there is none.
 */
export function topLevelString(
  body: Buffer,
  name: string,
  members: readonly TopLevelMember[] = topLevelMembers(body),
): string | null {
  const named = members.findLast((member) => member.name === name);
  return named === undefined ? null : stringAt(body, named);
}

function stringAt(body: Buffer, { start, end }: { start: number; end: number }): string | null {
  if (end - start > READ_BYTES) return null;
  try {
    const value: unknown = JSON.parse(body.toString('utf8', start, end));
    return typeof value === 'string' ? value : null;
  } catch {
    // The body is no JSON: nobody will find a name in it.
    return null;
  }
}
