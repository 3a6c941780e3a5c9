import { sql } from 'kysely';
import type { Database, Tx } from '../sql/database.ts';

/** Rows looked at in one statement: some tenths of a second. */
const PAGE = 20_000;

/**
 * From when on calls can still be booked: of earlier ones the rows are gone. It stays so until the
 * transaction ends.
 */
export async function archivedBefore(tx: Tx): Promise<Date> {
  const row = await tx
    .selectFrom('usage_horizon')
    .select('archived_before')
    .forShare()
    .executeTakeFirstOrThrow();
  return row.archived_before;
}

/**
 * Turns the rows of calls before `before` into sums: of a day they are there already, of what caps
 * can be about they are made here. First nobody may book such calls any more, so that one which is
 * told again is not counted again; then row after row goes, each with its sum in one statement. How
 * many rows went. Any number of processes may do it at once, and go on where one has died.
 */
export async function archiveUsage(
  database: Database,
  before: Date,
  signal?: AbortSignal,
  page = PAGE,
): Promise<number> {
  await database
    .updateTable('usage_horizon')
    .set({ archived_before: before })
    .where('archived_before', '<', before)
    .execute();
  let gone = 0;
  let at: Page | null = { org_id: '', id: '' };
  while (at !== null && signal?.aborted !== true) {
    const done: { gone: string; last: Page | null } = await archivePage(database, at, before, page);
    gone += Number(done.gone);
    at = done.last;
  }
  return gone;
}

/** Where a page begins: after this call, in the order of the table's key. */
interface Page {
  org_id: string;
  id: string;
}

async function archivePage(database: Database, after: Page, before: Date, page: number) {
  const { rows } = await sql<{ gone: string; org_id: string | null; id: string | null }>`
    with page as (
      select org_id, id, at from usage_events where (org_id, id) > (${after.org_id}, ${after.id})
      order by org_id, id limit ${page}
    ), gone as (
      delete from usage_events event using page
      where event.org_id = page.org_id and event.id = page.id and page.at < ${before}
      returning event.*
    ), kept as (
      insert into usage_archive (org_id, project_id, session_id, api_key_id, embed_key_id, end_user,
        input_tokens, output_tokens, cost)
      select org_id, project_id, session_id, coalesce(api_key_id, '') as api_key,
        coalesce(embed_key_id, '') as embed_key, coalesce(end_user, '') as who, sum(input_tokens),
        sum(output_tokens), coalesce(sum(cost), 0)
      from gone where mode = 'live'
      group by org_id, project_id, session_id, api_key, embed_key, who
      order by org_id, project_id, session_id, api_key, embed_key, who
      on conflict (org_id, project_id, session_id, api_key_id, embed_key_id, end_user)
      do update set
        input_tokens = usage_archive.input_tokens + excluded.input_tokens,
        output_tokens = usage_archive.output_tokens + excluded.output_tokens,
        cost = usage_archive.cost + excluded.cost
    )
    select (select count(*) from gone) as gone, last.org_id, last.id
    from (select 1) as one
    left join (select org_id, id from page order by org_id desc, id desc limit 1) as last on true`.execute(
    database,
  );
  const [row] = rows;
  const last = row?.org_id == null || row.id === null ? null : { org_id: row.org_id, id: row.id };
  return { gone: row?.gone ?? '0', last };
}
