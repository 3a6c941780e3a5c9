/** A piece of instructions that can be an answer: one list item or one paragraph. */
export interface Passage {
  /** The nearest heading above it, or a question it answers; empty when there is none. */
  heading: string;
  text: string;
}

/** Instructions, taken apart. */
export interface Handbook {
  /** The first heading of the highest level. */
  title: string | null;
  /** Headings with something below them, in order. */
  topics: string[];
  passages: Passage[];
}

const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/;
const TABLE_ROW = /^\s*\|(.*)\|\s*$/;
const TABLE_RULE = /^[\s|:-]+$/;
const FENCE = /^\s*(?:```|~~~)/;
const FRONT_MATTER = /^---\n[\s\S]*?\n---\n/;

/** Takes Markdown apart into passages. Code blocks are left out: they are no answers. */
export function readHandbook(texts: readonly string[]): Handbook {
  const book: Handbook = { title: null, topics: [], passages: [] };
  for (const text of texts) readText(text.replace(FRONT_MATTER, ''), book);
  book.topics = [...new Set(book.topics)];
  return book;
}

function readText(text: string, book: Handbook): void {
  let heading = '';
  let isTopic = false;
  /** A question on a line of its own: the heading of the next passage alone. */
  let question: string | null = null;
  let lines: string[] = [];
  let fenced = false;
  const flush = () => {
    const said = plain(lines.join(' '));
    lines = [];
    if (said === '') return;
    if (said.endsWith('?') && said.length < 160) {
      question = said;
      return;
    }
    if (isTopic) book.topics.push(heading);
    book.passages.push({ heading: question ?? heading, text: said });
    question = null;
  };
  for (const line of text.split(/\r?\n/)) {
    if (FENCE.test(line)) {
      flush();
      fenced = !fenced;
    }
    if (fenced || FENCE.test(line)) continue;
    const [, marks, title] = HEADING.exec(line) ?? [];
    const item = ITEM.exec(line)?.[1];
    const row = TABLE_ROW.exec(line)?.[1];
    if (title !== undefined) {
      flush();
      question = null;
      heading = plain(title);
      isTopic = marks !== '#';
      if (marks === '#') book.title ??= heading;
    } else if (line.trim() === '') flush();
    else if (row !== undefined && TABLE_RULE.test(row)) {
      // The row above was the table's head.
      lines = [];
    } else if (row !== undefined) {
      flush();
      lines.push(
        row
          .split('|')
          .map((cell) => cell.trim())
          .join(' – '),
      );
    } else if (item !== undefined) {
      flush();
      lines.push(item);
    } else if (/^\s*\*\*.*\?\*\*\s*$/.test(line)) {
      flush();
      lines.push(line);
      flush();
    } else lines.push(line.trim());
  }
  flush();
}

/** Markdown without its marks, on one line. */
function plain(text: string): string {
  return text
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\*\*|__|`/g, '')
    .replace(/^(?:Q|A)[.:]\s+/, '')
    .replace(/\s+/g, ' ')
    .trim();
}
