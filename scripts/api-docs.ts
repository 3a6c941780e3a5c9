import { readFileSync, writeFileSync } from 'node:fs';
import { ERRORS, EVENT_TYPES, LIMITS, TURN_ERRORS } from '@karta/protocol';

const DOCUMENT = new URL('../docs/api.md', import.meta.url);
const LIMITS_SOURCE = new URL('../packages/protocol/src/limits.ts', import.meta.url);

/** A Markdown table. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The comment above each limit, by the limit's name. */
function limitComments(): Map<string, string> {
  const source = readFileSync(LIMITS_SOURCE, 'utf8');
  const comments = new Map<string, string>();
  for (const match of source.matchAll(/\/\*\* (.+?) \*\/\s+(\w+):/gs)) {
    comments.set(match[2] ?? '', match[1] ?? '');
  }
  return comments;
}

function sections(): Record<string, string> {
  const comments = limitComments();
  return {
    events: `${EVENT_TYPES.map((type) => `\`${type}\``).join(', ')}.`,
    errors: table(
      ['status', 'error', 'what', 'do'],
      Object.entries(ERRORS).map(([code, entry]) => [
        String(entry.status),
        `\`${code}\``,
        entry.title,
        entry.suggestion,
      ]),
    ),
    'turn-errors': table(
      ['code', 'what'],
      Object.entries(TURN_ERRORS).map(([code, text]) => [`\`${code}\``, text]),
    ),
    limits: table(
      ['limit', 'value', 'what'],
      Object.entries(LIMITS).map(([name, value]) => [
        `\`${name}\``,
        value.toLocaleString('en-US'),
        comments.get(name) ?? '',
      ]),
    ),
  };
}

/**
 * `docs/api.md` with its generated sections made anew from the protocol. A section stands between
 * `<!-- generated:NAME -->` and `<!-- end -->`.
 */
export function renderApiDocs(document: string): string {
  let rendered = document;
  for (const [name, text] of Object.entries(sections())) {
    const mark = new RegExp(`(<!-- generated:${name} -->)(?:[\\s\\S]*?<!-- end -->)?`);
    if (!mark.test(rendered)) throw new Error(`docs/api.md has no section ${name}`);
    rendered = rendered.replace(mark, (_, open: string) => `${open}\n\n${text}\n\n<!-- end -->`);
  }
  return rendered;
}

if (import.meta.main) writeFileSync(DOCUMENT, renderApiDocs(readFileSync(DOCUMENT, 'utf8')));
