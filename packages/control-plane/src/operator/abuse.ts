import { type AbuseReport, isoTime } from '@karta/protocol';
import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Which orgs to look at: by what they spend, by what fails, by what their sandboxes tried. */
export async function abuseReportOf(
  database: Database,
  { days, limit }: { days: number; limit: number },
): Promise<AbuseReport> {
  const from = new Date(Date.now() - days * DAY_MS);
  const spenders = sql<Counted>`
    select usage.org_id, orgs.slug, orgs.suspended_at is not null as suspended,
      sum(calls) as calls, sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens
    from usage_daily usage join orgs on orgs.id = usage.org_id
    where day > ${from.toISOString().slice(0, 10)}::date
    group by usage.org_id, orgs.slug, orgs.suspended_at
    order by sum(input_tokens + output_tokens) desc, orgs.slug limit ${limit}`.execute(database);
  const turns = sql<Counted>`
    select turn.org_id, orgs.slug, orgs.suspended_at is not null as suspended,
      count(*) as turns, count(*) filter (where outcome <> 'completed') as failed,
      count(*) filter (where outcome = 'violation') as violations
    from turn_ends turn join orgs on orgs.id = turn.org_id
    where turn.at >= ${from}
    group by turn.org_id, orgs.slug, orgs.suspended_at
    having count(*) filter (where outcome <> 'completed') > 0`.execute(database);
  const [spent, ended] = await Promise.all([spenders, turns]);
  return {
    from: isoTime(from),
    top_spenders: spent.rows.map((row) => ({
      ...org(row),
      calls: Number(row.calls),
      input_tokens: Number(row.input_tokens),
      output_tokens: Number(row.output_tokens),
    })),
    error_rates: most(ended.rows, 'failed', limit).map((row) => ({
      ...org(row),
      turns: Number(row.turns),
      failed: Number(row.failed),
      rate: Number(row.failed) / Number(row.turns),
    })),
    violations: most(ended.rows, 'violations', limit).map((row) => ({
      ...org(row),
      turns: Number(row.violations),
    })),
  };
}

/** Counts are `bigint` or `numeric`, which the driver gives as text. */
interface Counted extends Partial<Record<string, string | boolean>> {
  org_id: string;
  slug: string;
  suspended: boolean;
}

function org({ org_id, slug, suspended }: Counted) {
  return { org_id, slug, suspended };
}

function most(rows: readonly Counted[], column: string, limit: number): Counted[] {
  return rows
    .filter((row) => Number(row[column]) > 0)
    .sort((a, b) => Number(b[column]) - Number(a[column]))
    .slice(0, limit);
}
