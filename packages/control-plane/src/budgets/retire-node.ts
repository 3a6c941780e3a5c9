import { KartaError, type RetiredNode, type retireNodeBody } from '@karta/protocol';
import { sql } from 'kysely';
import type { z } from 'zod';
import type { Tx } from '../sql/database.ts';

/**
 * A node is gone for good, or for long. Its doors are fenced first: whatever still runs of them gets
 * no block any more, and a later start registers above. Then, where that is asked for, its blocks
 * are closed with what it told of them last. Throws `KartaError`: `not_found` where no doors of such
 * a node were ever met, `node_alive` while one of its blocks can still be spent from.
 */
export async function retireNode(
  tx: Tx,
  { nodeId, now }: { nodeId: string; now: Date },
  { untold }: z.output<typeof retireNodeBody>,
): Promise<RetiredNode> {
  const fenced = await sql`
    update doors_epochs set epoch = epoch + 1 where node_id = ${nodeId} returning epoch`.execute(
    tx,
  );
  if (fenced.rows.length === 0) throw new KartaError('not_found', 'There is no such node.');
  const { rows } = await sql<{ id: string; expires_at: Date }>`
    select id, expires_at from budget_leases where node_id = ${nodeId} and not closed
    order by id for update`.execute(tx);
  if (rows.some(({ expires_at }) => expires_at > now)) throw new KartaError('node_alive');
  if (untold === 'return') {
    await sql`
      update budget_leases set closed = true
      where node_id = ${nodeId} and not closed`.execute(tx);
  }
  return { node_id: nodeId, blocks: rows.length };
}
