import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';

/** A lease is kept this long after its time, in ms: a node may tell of it once more. */
const KEPT_MS = 10 * 60 * 1000;
/** A window that is over is kept for so long, in ms, to be looked at. */
const WINDOW_KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/** Drops leases that hold nothing any more, and windows of long ago with theirs. */
export async function sweepLeases(database: Database, now: Date): Promise<void> {
  const expired = new Date(now.getTime() - KEPT_MS);
  const over = new Date(now.getTime() - WINDOW_KEPT_MS);
  await sql`
    delete from budget_leases where id in (
      select id from budget_leases
      where closed and consumed >= taken and expires_at < ${expired}
      for update skip locked)`.execute(database);
  await sql`delete from budget_windows where ends_at < ${over}`.execute(database);
}
