import { KartaError } from '@karta/protocol';
import { sql } from 'kysely';
import type { Tx } from '../sql/database.ts';

/**
 * The doors of a node have started as this epoch: the highest that it ever registered. One that is
 * told late changes nothing. Waits for grants to the start before, so that each block belongs to the
 * epoch that asked for it.
 */
export async function registerDoors(
  tx: Tx,
  { nodeId, now }: { nodeId: string; now: Date },
  epoch: number,
): Promise<number> {
  const { rows } = await sql<{ epoch: string }>`
    insert into doors_epochs (node_id, epoch, registered_at) values (${nodeId}, ${epoch}, ${now})
    on conflict (node_id) do update
      set epoch = greatest(doors_epochs.epoch, excluded.epoch),
        registered_at = case when excluded.epoch > doors_epochs.epoch
          then excluded.registered_at else doors_epochs.registered_at end
    returning epoch`.execute(tx);
  return Number(rows[0]?.epoch);
}

/**
 * Holds what a node asks to its last start: a process that has been replaced changes nothing any
 * more. Locks the epoch until the transaction ends. Throws `KartaError('stale_epoch')`.
 */
export async function requireEpoch(tx: Tx, nodeId: string, epoch: number): Promise<void> {
  const { rows } = await sql<{ epoch: string }>`
    select epoch from doors_epochs where node_id = ${nodeId} for share`.execute(tx);
  if (rows[0]?.epoch !== String(epoch)) throw new KartaError('stale_epoch');
}
