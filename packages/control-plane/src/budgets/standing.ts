import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';
import { heldByLease, holdsAnything } from './lease-held.ts';
import type { OpenWindow, WindowEntry } from './open-windows.ts';

/** A window with what blocks hold of it. */
export interface Standing extends OpenWindow {
  held: bigint;
  /** Nodes that hold blocks, with the one that asks. */
  nodes: bigint;
}

/**
 * How windows stand, in the same order; one that is not open yet is at nothing. Where they must not
 * change meanwhile they have been locked by a statement before: this one sees what came before it.
 */
export async function standingOf(
  tx: Tx,
  entries: readonly WindowEntry[],
  nodeId: string,
): Promise<Standing[]> {
  if (entries.length === 0) return [];
  const { rows } = await sql<{
    place: string;
    spent: string;
    told: number;
    exhausted_told: boolean;
    held: string;
    others: string;
  }>`
    select place, used.spent, used.told, used.exhausted_told, coalesce(sum(${heldByLease}), 0) as held,
      count(distinct lease.node_id) filter (where lease.node_id <> ${nodeId}) as others
    from unnest(
      ${entries.map(({ budget }) => budget.id)}::text[],
      ${entries.map(({ subject }) => subject)}::text[],
      ${entries.map(({ bounds }) => bounds.start.toISOString())}::timestamptz[]
    ) with ordinality as asked (budget_id, subject, starts_at, place)
    join budget_windows used using (budget_id, subject, starts_at)
    left join budget_leases lease on lease.budget_id = used.budget_id
      and lease.subject = used.subject and lease.starts_at = used.starts_at
      and ${holdsAnything}
    group by place, used.spent, used.told, used.exhausted_told`.execute(tx);
  const byPlace = new Map(rows.map((row) => [Number(row.place), row]));
  return entries.map(({ budget, subject, bounds }, index) => {
    const row = byPlace.get(index + 1);
    return {
      budget,
      subject,
      bounds,
      spent: BigInt(row?.spent ?? 0),
      told: row?.told ?? 0,
      exhaustedTold: row?.exhausted_told ?? false,
      held: BigInt(row?.held ?? 0),
      nodes: BigInt(row?.others ?? 0) + 1n,
    };
  });
}
