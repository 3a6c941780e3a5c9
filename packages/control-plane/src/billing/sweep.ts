import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';
import { lockAccount } from './accounts.ts';
import { restand, setBlocked } from './standing.ts';

/** How long it is remembered that an event was taken: Stripe sends one again for three days. */
const KEPT_EVENTS_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * What time alone does: orgs without an account get one, with the grace that begins now, and those
 * whose grace is over are refused. Says whether nodes must hear of it.
 */
export async function sweepBilling(
  database: Database,
  graceMs: number,
  now = new Date(),
): Promise<boolean> {
  await sql`
    insert into billing_accounts (org_id, unpaid_since, grace_ends_at, created_at, updated_at)
    select id, ${now}::timestamptz, ${new Date(now.getTime() + graceMs)}::timestamptz,
      ${now}::timestamptz, ${now}::timestamptz
    from orgs where deleted_at is null
      and not exists (select from billing_accounts account where account.org_id = orgs.id)
    on conflict do nothing`.execute(database);
  await database
    .deleteFrom('billing_events')
    .where('at', '<', new Date(now.getTime() - KEPT_EVENTS_MS))
    .execute();
  const due = await database
    .selectFrom('billing_accounts')
    .select('org_id')
    .where('blocked_at', 'is', null)
    .where('grace_ends_at', '<=', now)
    .execute();
  let changed = false;
  for (const { org_id: orgId } of due) {
    const blocked = await database.transaction().execute(async (tx) => {
      const account = await lockAccount(tx, { orgId });
      return account !== null && (await restand(tx, account, now, graceMs));
    });
    changed ||= blocked;
  }
  return changed;
}

/** Without billing nobody is refused for it, whatever was before. Says whether somebody was. */
export async function unblockAll(database: Database, now = new Date()): Promise<boolean> {
  const blocked = await database
    .selectFrom('billing_accounts')
    .select('org_id')
    .where('blocked_at', 'is not', null)
    .execute();
  for (const { org_id: orgId } of blocked) {
    await database.transaction().execute(async (tx) => {
      const account = await lockAccount(tx, { orgId });
      if (account === null || account.blocked_at === null) return;
      await tx
        .updateTable('billing_accounts')
        .set({ blocked_at: null, unpaid_since: null, grace_ends_at: null, updated_at: now })
        .where('org_id', '=', orgId)
        .execute();
      await setBlocked(tx, orgId, false, account.subscription_status);
    });
  }
  return blocked.length > 0;
}
