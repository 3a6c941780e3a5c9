import { type EventBatch, lifecycleEvent, usageEvent } from '@karta/protocol';
import { sql } from 'kysely';
import type { Database } from '../sql/index.ts';
import type { GrantOf } from './lifecycle.ts';

/** Rows looked at for one batch. */
const BATCH_ROWS = 1_000;

/** What goes to the control plane at once. */
export type Batch = Pick<EventBatch, 'grants' | 'usage' | 'lifecycle'>;

interface Row {
  position: string;
  kind: 'usage' | 'lifecycle';
  org_id: string;
  event: unknown;
  org_grant: string | null;
}

/**
 * The oldest events that wait after `after`, each with the grant of its time, or the one held now
 * for those that had none. A batch has one grant for each org: what came under another one goes
 * with a later batch. `null` when nothing can go; those without any grant wait.
 */
export async function waitingEvents(
  database: Database,
  grantOf: GrantOf,
  after = '0',
): Promise<{ batch: Batch; last: string } | null> {
  let from = after;
  for (;;) {
    const rows = await oldest(database, from);
    const last = rows.at(-1)?.position;
    if (last === undefined) return null;
    const batch = batchOf(rows, grantOf);
    if (batch.usage.length + batch.lifecycle.length > 0) return { batch, last };
    from = last;
  }
}

async function oldest(database: Database, after: string): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select position, kind, org_id, event, org_grant from outbox
    where refused is null and position > ${after}
    order by position limit ${BATCH_ROWS}`.execute(database);
  return rows;
}

function batchOf(rows: readonly Row[], grantOf: GrantOf): Batch {
  const grants: Record<string, string> = {};
  const batch: Batch = { grants, usage: [], lifecycle: [] };
  for (const { kind, org_id: orgId, event, org_grant } of rows) {
    const grant = org_grant ?? grantOf(orgId);
    if (grant === null) continue;
    grants[orgId] ??= grant;
    if (grants[orgId] !== grant) continue;
    if (kind === 'usage') batch.usage.push(usageEvent.parse(event));
    else batch.lifecycle.push(lifecycleEvent.parse(event));
  }
  return batch;
}

/** Forgets what the control plane has, and keeps apart what it will not have. */
export async function settleEvents(
  database: Database,
  answer: { accepted: readonly string[]; refused: readonly { id: string; reason: string }[] },
): Promise<void> {
  await sql`delete from outbox where id = any (${answer.accepted}::text[])`.execute(database);
  if (answer.refused.length === 0) return;
  await sql`
    update outbox set refused = told.reason
    from json_to_recordset(${JSON.stringify(answer.refused)}::json) as told (id text, reason text)
    where outbox.id = told.id`.execute(database);
}

/** How much waits, and how much was refused. */
export async function outboxCounts(
  database: Database,
): Promise<{ waiting: number; refused: number }> {
  const { rows } = await sql<{ waiting: string; refused: string }>`
    select count(*) filter (where refused is null) as waiting, count(refused) as refused
    from outbox`.execute(database);
  return { waiting: Number(rows[0]?.waiting ?? 0), refused: Number(rows[0]?.refused ?? 0) };
}
