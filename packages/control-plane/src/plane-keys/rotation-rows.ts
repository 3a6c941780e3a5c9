import type { PlanePublicKey } from '@karta/service/plane-auth';
import { sql } from 'kysely';
import { PLATFORM_ORG, recordAudit } from '../audit/record.ts';
import type { Operator } from '../http/actor.ts';
import { platformActor } from '../operator/operators.ts';
import type { Database, Tx } from '../sql/database.ts';
import { type ConfiguredPlane, planeName } from './configured-planes.ts';
import type { PlaneKeyRotation } from './tables.ts';

/** A change of this plane's key: the one that is under way, or a new one. */
export async function requestRotation(
  tx: Tx,
  by: Operator,
  plane: ConfiguredPlane,
  { overlapMs, compromised }: { overlapMs: number; compromised: boolean },
): Promise<string> {
  const { kind, key } = plane;
  const made = await tx
    .insertInto('plane_key_rotations')
    .values({
      id: crypto.randomUUID(),
      kind,
      configured_kid: key.kid,
      overlap_ms: overlapMs,
      requested_at: new Date(),
    })
    .onConflict((conflict) =>
      conflict
        .column('configured_kid')
        .where('done_at', 'is', null)
        // The stricter of two wishes counts.
        .doUpdateSet({
          overlap_ms: sql<number>`least(plane_key_rotations.overlap_ms, ${overlapMs})`,
        }),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  // From now on the configured key has an end.
  await insertKey(tx, plane, key, { activeAt: new Date() });
  await recordAudit(tx, {
    actor: platformActor(by),
    action: 'plane_keys.rotate',
    target: { kind: 'plane', id: planeName(plane) },
    details: { of: kind, compromised },
  });
  return made.id;
}

/** Adds a key of a plane; one that is there stays as it is. */
export async function insertKey(
  tx: Tx,
  { kind, key: configured }: ConfiguredPlane,
  key: PlanePublicKey,
  { activeAt, sealed }: { activeAt?: Date; sealed?: string } = {},
): Promise<void> {
  await tx
    .insertInto('plane_keys')
    .values({
      kid: key.kid,
      kind,
      configured_kid: configured.kid,
      public_jwk: JSON.stringify(key),
      private_sealed: sealed ?? null,
      created_at: new Date(),
      active_at: activeAt ?? null,
    })
    .onConflict((conflict) => conflict.column('kid').doNothing())
    .execute();
}

/** Names the key that a rotation leads to; the one that it leads to already, if there is one. */
export async function settleOn(tx: Tx, rotationId: string, kid: string): Promise<string> {
  const { new_kid } = await tx
    .updateTable('plane_key_rotations')
    .set({ new_kid: sql<string>`coalesce(new_kid, ${kid})` })
    .where('id', '=', rotationId)
    .returning('new_kid')
    .executeTakeFirstOrThrow();
  return new_kid ?? kid;
}

/** The new key signs from now on, those before it count for the overlap alone. */
export async function finishRotation(
  database: Database,
  plane: ConfiguredPlane,
  rotation: PlaneKeyRotation,
  kid: string,
): Promise<void> {
  await database.transaction().execute(async (tx) => {
    const now = new Date();
    const done = await tx
      .updateTable('plane_key_rotations')
      .set({ done_at: now })
      .where('id', '=', rotation.id)
      .where('done_at', 'is', null)
      .returning('overlap_ms')
      .executeTakeFirst();
    if (done === undefined) return;
    const refusedAt = new Date(now.getTime() + done.overlap_ms);
    await tx
      .updateTable('plane_keys')
      .set({
        refused_at: sql<Date>`least(coalesce(refused_at, ${refusedAt}), ${refusedAt})`,
        private_sealed: null,
      })
      .where('configured_kid', '=', plane.key.kid)
      .where('kid', '!=', kid)
      .execute();
    await tx.updateTable('plane_keys').set({ active_at: now }).where('kid', '=', kid).execute();
    await recordAudit(tx, {
      actor: { kind: 'system', id: 'control', orgId: PLATFORM_ORG, label: 'control plane' },
      action: 'plane_keys.changed',
      target: { kind: 'plane', id: planeName(plane) },
      details: { of: plane.kind, kid, former_until: refusedAt.toISOString() },
    });
  });
}

/** Rotations that are not done. */
export function openRotations(database: Database): Promise<PlaneKeyRotation[]> {
  return database
    .selectFrom('plane_key_rotations')
    .selectAll()
    .where('done_at', 'is', null)
    .orderBy('requested_at')
    .execute();
}
