import type { UsageQuery, UsageRow } from '@karta/protocol';
import type { Database } from '../sql/database.ts';
import { COUNT_FIELDS, GROUP_FIELDS, groupsOf, usageReportOf } from './report.ts';

/** Rows that are read at a time. */
const PAGE_ROWS = 1_000;

/** A whole report as CSV (RFC 4180), from its cursor on, read as it is sent. */
export async function* usageCsv(
  database: Database,
  orgId: string,
  query: UsageQuery,
  now = new Date(),
): AsyncGenerator<string> {
  const groups = groupsOf(query).map((group) => GROUP_FIELDS[group]);
  const fields = [...groups, ...COUNT_FIELDS, 'cost' as const];
  // Money has its unit in the name: a cell holds a bare number.
  yield line(fields.map((field) => (field === 'cost' ? 'cost_picousd' : field)));
  let cursor = query.cursor;
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  do {
    const limit = Math.min(PAGE_ROWS, left);
    const page = { ...query, limit, ...(cursor === undefined ? {} : { cursor }) };
    const report = await usageReportOf(database, orgId, page, now);
    if (report.rows.length > 0) {
      yield report.rows.map((row) => line(fields.map((field) => cell(row, field)))).join('');
    }
    cursor = report.next_cursor ?? undefined;
    left -= report.rows.length;
  } while (cursor !== undefined && left > 0);
}

function cell(row: UsageRow, field: keyof UsageRow): string {
  const value = row[field];
  if (typeof value === 'number') return String(value);
  if (typeof value === 'object' && value !== null) return value.amount;
  const text = value ?? '';
  // Spreadsheets run what begins like a formula, and end users may choose their own ids.
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function line(cells: readonly string[]): string {
  const quoted = cells.map((text) =>
    /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text,
  );
  return `${quoted.join(',')}\r\n`;
}
