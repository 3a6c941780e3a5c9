import { badParameter } from '@karta/http';
import {
  moneyToWire,
  type UsageGroup,
  type UsageQuery,
  type UsageReport,
  type UsageRow,
} from '@karta/protocol';
import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import type { Database } from '../sql/database.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Days of a report whose query does not say from when. */
const DEFAULT_DAYS = 30;
/** Rows of a page whose query does not say how many. */
const DEFAULT_ROWS = 100;

/** Where each group is, as text: what pages are ordered by. */
const COLUMNS: Readonly<Record<UsageGroup, RawBuilder<string>>> = {
  day: sql`to_char(day, 'YYYY-MM-DD')`,
  model: sql`model`,
  provider: sql`provider`,
  project: sql`project_id`,
  key: sql`principal_id`,
  end_user: sql`end_user`,
  mode: sql`mode`,
  paid_by: sql`paid_by`,
};

/** Their names in a row. */
export const GROUP_FIELDS: Readonly<Record<UsageGroup, keyof UsageRow>> = {
  day: 'day',
  model: 'model',
  provider: 'provider',
  project: 'project_id',
  key: 'key',
  end_user: 'end_user',
  mode: 'mode',
  paid_by: 'paid_by',
};

export const COUNT_FIELDS = [
  'calls',
  'estimated_calls',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'total_tokens',
  'unpriced_calls',
] as const satisfies readonly (keyof UsageRow)[];

type Sums = Record<(typeof COUNT_FIELDS)[number] | 'cost', string>;

export function groupsOf(query: UsageQuery): UsageGroup[] {
  return query.group_by ?? ['day'];
}

/** The days that a query is about, both included. Throws `KartaError('validation_failed')`. */
export function daysOf(query: UsageQuery, now: Date): { from: string; to: string } {
  const to = query.to ?? dayOf(now);
  const from = query.from ?? dayOf(new Date(Date.parse(to) - (DEFAULT_DAYS - 1) * DAY_MS));
  if (from > to) {
    throw badParameter('from', 'must not be after "to"');
  }
  return { from, to };
}

/** One page of an org's usage, summed over the groups asked for and ordered by them. */
export async function usageReportOf(
  database: Database,
  orgId: string,
  query: UsageQuery,
  now = new Date(),
): Promise<UsageReport> {
  const groups = groupsOf(query);
  const { from, to } = daysOf(query, now);
  const limit = query.limit ?? DEFAULT_ROWS;
  const columns = sql.join(groups.map((group) => COLUMNS[group]));
  const named = sql.join(groups.map((group) => sql`${COLUMNS[group]} as ${sql.ref(group)}`));
  const after = query.cursor === undefined ? null : positionOf(query.cursor, groups.length);
  const { rows } = await sql<Sums & Record<UsageGroup, string>>`
    select ${named}, sum(calls) as calls, sum(estimated_calls) as estimated_calls,
      sum(input_tokens) as input_tokens, sum(cache_read_tokens) as cache_read_tokens,
      sum(cache_write_tokens) as cache_write_tokens, sum(output_tokens) as output_tokens,
      sum(input_tokens + output_tokens) as total_tokens, sum(cost)::text as cost,
      sum(unpriced_calls) as unpriced_calls
    from usage_daily
    where org_id = ${orgId} and day between ${from}::date and ${to}::date
      ${query.mode === undefined ? sql`` : sql`and mode = ${query.mode}`}
      ${query.project === undefined ? sql`` : inProject(orgId, query.project)}
      ${after === null ? sql`` : sql`and (${columns}) > (${sql.join(after)})`}
    group by ${columns} order by ${columns} limit ${limit + 1}`.execute(database);
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    from,
    to,
    rows: page.map((row) => rowOf(row, groups)),
    next_cursor: last === undefined ? null : cursorAt(groups.map((group) => last[group])),
  };
}

/** By ref or id, also one that is deleted. */
function inProject(orgId: string, project: string): RawBuilder<unknown> {
  return sql`and project_id in (
    select id from projects where org_id = ${orgId} and (ref = ${project} or id = ${project}))`;
}

function rowOf(row: Sums & Record<UsageGroup, string>, groups: readonly UsageGroup[]): UsageRow {
  const labels = groups.map((group) => {
    const unknown = row[group] === '' && (group === 'key' || group === 'end_user');
    return [GROUP_FIELDS[group], unknown ? null : row[group]];
  });
  const counts = COUNT_FIELDS.map((field) => [field, Number(row[field])]);
  const cost = ['cost', moneyToWire(BigInt(row.cost))];
  // The columns asked for are those of the row's type.
  return Object.fromEntries([...labels, ...counts, cost]) as UsageRow;
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function cursorAt(values: readonly string[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

function positionOf(cursor: string, groups: number): string[] {
  try {
    const text = Buffer.from(cursor, 'base64url').toString('utf8');
    return z.array(z.string()).length(groups).parse(JSON.parse(text));
  } catch (error) {
    throw badParameter('cursor', 'is none that this report gave out', error);
  }
}
