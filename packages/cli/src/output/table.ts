import { plainText } from './plain-text.ts';
import type { Terminal } from './terminal.ts';

/** A column: its name, and what stands in it. */
export type Column<T> = readonly [name: string, cell: (item: T) => string | number | null];

/** How a list is shown: to a person as a table, to a program as a line of JSON each. */
export interface ListView<T> {
  columns: readonly Column<T>[];
  /** Said when there is nothing. */
  empty: string;
  json: boolean;
  /** How many at most. */
  limit?: number;
}

/** Shows a list as it comes in. Resolves with how many there were. */
export async function showList<T>(
  items: AsyncIterable<T>,
  view: ListView<T>,
  terminal: Terminal,
): Promise<number> {
  const shown: T[] = [];
  const limit = view.limit ?? Number.POSITIVE_INFINITY;
  for await (const item of items) {
    if (view.json) terminal.json(item);
    shown.push(item);
    if (shown.length >= limit) break;
  }
  if (view.json) return shown.length;
  if (shown.length === 0) terminal.note(view.empty);
  else terminal.out(table(shown, view.columns, terminal));
  return shown.length;
}

/** Lines of columns, each as wide as its widest cell. */
export function table<T>(
  items: readonly T[],
  columns: readonly Column<T>[],
  terminal: Pick<Terminal, 'style'>,
): string {
  const rows = items.map((item) => columns.map(([, cell]) => plainText(String(cell(item) ?? '–'))));
  const widths = columns.map(([name], index) =>
    Math.max(name.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const head = terminal.style('dim', line(columns.map(([name]) => name)));
  return `${[head, ...rows.map(line)].join('\n')}\n`;
}

/** A time without its fraction and zone, in UTC. */
export function shortTime(iso: string | null): string {
  return iso === null ? '–' : new Date(iso).toISOString().slice(0, 16).replace('T', ' ');
}
