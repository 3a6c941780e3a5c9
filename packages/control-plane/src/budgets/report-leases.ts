import { isoTime, type LeaseReportAnswer, type LeaseReportBody } from '@karta/protocol';
import { CLOCK_SKEW_SECONDS, SERVICE_TOKEN_SECONDS } from '@karta/service/plane-auth';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import { requireEpoch } from './doors-epoch.ts';
import { type Asker, LEASE_MS } from './grant-leases.ts';
import { heldByLease, holdsAnything } from './lease-held.ts';

/**
 * Takes what a node tells of its blocks. A closed one gives back what was not taken of it, and may be
 * told again with less once its last calls have settled. An open one goes on, unless its window has
 * ended or what is left outside of it is less than what it still holds: then it ends with its time,
 * and the node asks for a smaller one. Once all of earlier epochs is told, whatever else those leased
 * returns. Throws `KartaError('stale_epoch')`.
 */
export async function reportLeases(
  tx: Tx,
  { nodeId, now }: Asker,
  body: LeaseReportBody,
): Promise<LeaseReportAnswer> {
  await requireEpoch(tx, nodeId, body.epoch);
  const answer = await takeReports(tx, { nodeId, now }, body);
  if (body.earlier_told) await closeEarlier(tx, nodeId, body.epoch);
  if (body.complete) await closeUnheard(tx, { nodeId, now }, body);
  return answer;
}

/** Blocks of earlier epochs that nobody told of: nothing was taken beyond what was told of them. */
async function closeEarlier(tx: Tx, nodeId: string, epoch: number): Promise<void> {
  await sql`
    with forgotten as (
      select id from budget_leases
      where node_id = ${nodeId} and epoch < ${epoch} and not closed
      order by id for update
    )
    update budget_leases lease set closed = true from forgotten where forgotten.id = lease.id
  `.execute(tx);
}

/** For so long, in milliseconds, a signed request may be on its way: it is not believed after it. */
const SENT_MS = (SERVICE_TOKEN_SECONDS + CLOCK_SKEW_SECONDS) * 1000;

/**
 * Blocks of this start of the node that it does not have, because the answer never reached it, or
 * that are known here alone since the database was set back. Only those whose time was over when it
 * said so: an answer that was on its way then brings it nothing that it could take from.
 */
async function closeUnheard(
  tx: Tx,
  { nodeId, now }: Asker,
  { epoch, leases }: LeaseReportBody,
): Promise<void> {
  const over = new Date(now.getTime() - SENT_MS);
  await sql`
    with unheard as (
      select id from budget_leases
      where node_id = ${nodeId} and epoch = ${epoch} and not closed and expires_at < ${over}
        and id <> all (${leases.map(({ lease_id }) => lease_id)}::text[])
      order by id for update
    )
    update budget_leases lease set closed = true from unheard where unheard.id = lease.id
  `.execute(tx);
}

async function takeReports(
  tx: Tx,
  { nodeId, now }: Asker,
  body: LeaseReportBody,
): Promise<LeaseReportAnswer> {
  const told = new Map(body.leases.map((lease) => [lease.lease_id, lease]));
  if (told.size === 0) return { unknown: [], renewed: [] };
  const until = new Date(now.getTime() + LEASE_MS);
  const { rows } = await sql<{ id: string; renewed: boolean; expires_at: Date }>`
    with told as (
      select * from json_to_recordset(${JSON.stringify([...told.values()])}::json)
        as lease (lease_id text, taken numeric, closed boolean)
    ), ours as (
      select lease.id, told.taken, told.closed, lease.budget_id, lease.subject, lease.starts_at,
        lease.amount, lease.epoch, lease.closed as was_closed
      from budget_leases lease join told on told.lease_id = lease.id
      where lease.node_id = ${nodeId} and lease.epoch <= ${body.epoch}
      order by lease.id
      for update of lease
    ), room as (
      select budget_id, subject, starts_at, spent_window.ends_at, budgets.cap - spent_window.spent
        - coalesce(sum(${heldByLease}), 0) as free
      from (select distinct budget_id, subject, starts_at from ours where not closed) as open_window
      join budget_windows spent_window using (budget_id, subject, starts_at)
      join budgets on budgets.id = budget_id
      left join (select * from budget_leases lease where ${holdsAnything}) as lease
        using (budget_id, subject, starts_at)
      group by budget_id, subject, starts_at, spent_window.ends_at, spent_window.spent, budgets.cap
    ), judged as (
      select ours.*, coalesce(
        not ours.closed and not ours.was_closed and ours.epoch = ${body.epoch}
          and (room.ends_at is null or room.ends_at > ${now})
          and room.free >= ours.amount - least(ours.taken, ours.amount), false) as renewed
      from ours left join room using (budget_id, subject, starts_at)
    )
    update budget_leases lease set
      taken = case
        when lease.closed and not judged.closed then lease.taken
        when lease.closed then least(lease.taken, judged.taken)
        else least(lease.amount, judged.taken) end,
      closed = lease.closed or judged.closed,
      expires_at = case when judged.renewed then ${until} else lease.expires_at end
    from judged where judged.id = lease.id
    returning lease.id, judged.renewed, lease.expires_at`.execute(tx);
  const known = new Set(rows.map(({ id }) => id));
  return {
    unknown: [...told.keys()].filter((id) => !known.has(id)),
    renewed: rows
      .filter(({ renewed }) => renewed)
      .map(({ id, expires_at }) => ({ lease_id: id, expires_at: isoTime(expires_at) })),
  };
}
