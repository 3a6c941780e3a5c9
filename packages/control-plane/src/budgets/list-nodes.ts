import { isoTime, type NodeView } from '@karta/protocol';
import { sql } from 'kysely';
import type { Database } from '../sql/database.ts';

/** The data planes that are configured, and those whose doors were ever met, by id. */
export async function listNodes(
  database: Database,
  configured: readonly string[],
): Promise<NodeView[]> {
  const { rows } = await sql<{
    node_id: string;
    registered_at: Date;
    blocks: number;
    spends_until: Date | null;
  }>`
    select doors.node_id, doors.registered_at, count(lease.id)::int as blocks,
      max(lease.expires_at) as spends_until
    from doors_epochs doors
    left join budget_leases lease on lease.node_id = doors.node_id and not lease.closed
    group by doors.node_id`.execute(database);
  const met = new Map(rows.map((row) => [row.node_id, row]));
  const ids = [...new Set([...configured, ...met.keys()])].sort();
  return ids.map((id) => {
    const row = met.get(id);
    return {
      node_id: id,
      configured: configured.includes(id),
      doors_since: row === undefined ? null : isoTime(row.registered_at),
      blocks: row?.blocks ?? 0,
      spends_until: row?.spends_until ? isoTime(row.spends_until) : null,
    };
  });
}
