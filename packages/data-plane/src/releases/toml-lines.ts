const KEY_PART = `[A-Za-z0-9_-]+|"[^"]*"|'[^']*'`;
const KEY = String.raw`(?:${KEY_PART})(?:\s*\.\s*(?:${KEY_PART}))*`;
const HEADER_LINE = new RegExp(String.raw`^\s*\[\[?\s*(${KEY})\s*\]`);
const KEY_LINE = new RegExp(String.raw`^\s*(${KEY})\s*=(.*)$`);

/**
 * The line (from 1) on which a TOML document sets `path`, or the closest table above it; 0 when it
 * names none of it. The parser keeps no positions, and an error without a line helps nobody.
 */
export function tomlLine(text: string, path: readonly string[]): number {
  let table: string[] = [];
  let closedBy: string | null = null;
  let best = { line: 0, depth: 0 };

  const consider = (found: readonly string[], line: number): void => {
    const depth = commonPrefix(found, path);
    if (depth > best.depth) best = { line, depth };
  };

  for (const [index, line] of text.split('\n').entries()) {
    if (closedBy !== null) {
      if (line.includes(closedBy)) closedBy = null;
      continue;
    }
    const header = HEADER_LINE.exec(line)?.[1];
    if (header !== undefined) {
      table = keyParts(header);
      consider(table, index + 1);
      continue;
    }
    const match = KEY_LINE.exec(line);
    if (match === null) continue;
    consider([...table, ...keyParts(match[1] ?? '')], index + 1);
    closedBy = openString(match[2] ?? '');
  }
  return best.line;
}

/** The quotes that must follow when `value` opens a string over several lines, or `null`. */
function openString(value: string): string | null {
  for (const quotes of ['"""', "'''"]) {
    const pieces = value.split(quotes).length - 1;
    if (pieces % 2 === 1) return quotes;
  }
  return null;
}

function keyParts(key: string): string[] {
  const parts = key.match(new RegExp(KEY_PART, 'g')) ?? [];
  return parts.map((part) => (/^["']/.test(part) ? part.slice(1, -1) : part));
}

function commonPrefix(a: readonly string[], b: readonly string[]): number {
  let depth = 0;
  while (depth < a.length && depth < b.length && a[depth] === b[depth]) depth += 1;
  return depth === a.length ? depth : 0;
}
