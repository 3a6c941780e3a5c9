import { type Document, LineCounter, parseDocument } from 'yaml';
import type { AppProblem } from '../port.ts';

/** Aliases that one front matter may expand to; more is an attempt to exhaust memory. */
const MAX_ALIASES = 100;

const FENCE = /^---[ \t]*\r?\n/;
const CLOSING = /^---[ \t]*$/m;

/** The YAML block at the head of a Markdown file, and the text below it. */
export interface FrontMatter {
  /** `null` when the file has no front matter. */
  data: Readonly<Record<string, unknown>> | null;
  /** The line, counted from 1, of a top-level key; of the opening fence when the key is absent. */
  lineOf(key: string): number;
  body: string;
  /** The line on which the body begins. */
  bodyLine: number;
  problems: readonly AppProblem[];
}

/**
 * Reads a Markdown file's front matter. Values that YAML refuses only because a plain scalar holds
 * a `: ` (usual in descriptions, and taken by the harnesses) are read as if they were quoted; other
 * errors are problems with file and line.
 */
export function readFrontMatter(text: string, file: string): FrontMatter {
  const clean = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const opening = FENCE.exec(clean);
  if (opening === null) return { ...NONE, body: clean };
  const rest = clean.slice(opening[0].length);
  const closing = CLOSING.exec(rest);
  if (closing === null) {
    const problem = problemAt(file, 1, 'the front matter has no closing "---"');
    return { ...NONE, body: clean, problems: [problem] };
  }
  const block = rest.slice(0, closing.index).replaceAll('\r', '');
  const body = rest.slice(closing.index + closing[0].length).replace(/^\r?\n/, '');
  const bodyLine = block.split('\n').length + 2;
  return { ...readBlock(block, file), body, bodyLine };
}

const NONE = {
  data: null,
  lineOf: () => 1,
  bodyLine: 1,
  problems: [],
} satisfies Omit<FrontMatter, 'body'>;

function readBlock(block: string, file: string): Pick<FrontMatter, 'data' | 'lineOf' | 'problems'> {
  const strict = parse(block);
  const parsed =
    strict.document.errors.length === 0 ? strict : orElse(parse(quoted(block)), strict);
  const { document, lines } = parsed;
  const [error] = document.errors;
  const lineAt = (offset: number) => lines.linePos(offset).line + 1;
  if (error !== undefined) {
    const reason = error.message.split('\n', 1)[0] ?? '';
    const problem = problemAt(file, lineAt(error.pos[0]), `front matter: ${reason}`);
    return { data: null, lineOf: () => 1, problems: [problem] };
  }
  const data = plain(document);
  if (data === null) {
    const problem = problemAt(file, 2, 'front matter: expected "key: value" lines');
    return { data: null, lineOf: () => 1, problems: [problem] };
  }
  return { data, problems: [], lineOf: (key) => keyLine(document, key, lineAt) };
}

interface Parsed {
  document: Document.Parsed;
  lines: LineCounter;
}

function parse(block: string): Parsed {
  const lines = new LineCounter();
  return { document: parseDocument(block, { lineCounter: lines, prettyErrors: false }), lines };
}

function orElse(second: Parsed, first: Parsed): Parsed {
  return second.document.errors.length === 0 ? second : first;
}

/** The block with each plain top-level value that holds a colon put into quotes. */
function quoted(block: string): string {
  return block
    .split('\n')
    .map((line) => {
      const pair = /^([\w-]+):[ \t]+(.*)$/.exec(line);
      const value = pair?.[2]?.trim() ?? '';
      if (pair === null || !/[:#]/.test(value) || /^["'|>[{&*!]/.test(value)) return line;
      return `${pair[1]}: ${JSON.stringify(value)}`;
    })
    .join('\n');
}

function plain(document: Document.Parsed): Record<string, unknown> | null {
  if (document.contents === null) return {};
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES, mapAsMap: true });
    return value instanceof Map ? Object.fromEntries(fromMap(value)) : null;
  } catch {
    // The alias limit; a Map keeps keys such as `__proto__` away from prototypes.
    return null;
  }
}

function fromMap(map: Map<unknown, unknown>): [string, unknown][] {
  return [...map].map(([key, value]) => [String(key), fromYaml(value)]);
}

function fromYaml(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(fromMap(value));
  return Array.isArray(value) ? value.map(fromYaml) : value;
}

function keyLine(
  document: Document.Parsed,
  key: string,
  lineAt: (offset: number) => number,
): number {
  const items: unknown = (document.contents as { items?: unknown } | null)?.items;
  if (!Array.isArray(items)) return 1;
  for (const item of items as { key?: { value?: unknown; range?: [number, number, number] } }[]) {
    if (item.key?.value === key && item.key.range) return lineAt(item.key.range[0]);
  }
  return 1;
}

function problemAt(file: string, line: number, message: string): AppProblem {
  return { severity: 'error', file, line, message };
}
