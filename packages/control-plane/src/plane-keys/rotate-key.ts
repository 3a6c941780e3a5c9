import { KartaError } from '@karta/protocol';
import {
  keyOffer,
  newPlaneKey,
  type PlaneClient,
  type PlanePublicKey,
  publicHalf,
  readKeyOffer,
  usedKey,
} from '@karta/service/plane-auth';
import type { Database } from '../sql/database.ts';
import type { ConfiguredPlane } from './configured-planes.ts';
import type { PeerKeys } from './peer-keys.ts';
import { finishRotation, insertKey, settleOn } from './rotation-rows.ts';
import type { SigningKey } from './signing-key.ts';
import type { PlaneKeyRotation } from './tables.ts';

export interface RotationParts {
  database: Database;
  /** Of every configured data plane, in order. */
  nodes: readonly PlaneClient[];
  peers: PeerKeys;
  signing: SigningKey;
}

/**
 * Carries a change of a key on to its end. Each step is on disk, here or there, before the next one
 * begins, and may be repeated, so that whoever dies in between loses nothing. Throws `KartaError`
 * where a plane cannot be reached: then the keys before count on, and it is tried again.
 */
export async function rotateKey(
  parts: RotationParts,
  plane: ConfiguredPlane,
  rotation: PlaneKeyRotation,
): Promise<void> {
  const kid =
    plane.kind === 'control'
      ? await tellEverybody(parts, plane, rotation)
      : await haveItUsed(parts, plane, rotation);
  await finishRotation(parts.database, plane, rotation, kid);
  await Promise.all([parts.peers.reload(), parts.signing.reload()]);
  // Data planes count the end of the former key from the first request of the new one on: this one.
  // Who cannot be reached now meets it in the next request, whatever that is about.
  if (plane.kind === 'control') await tell(parts, rotation, kid).catch(() => undefined);
}

/** A data plane's key, or its doors': asked for, believed from then on, and only then used. */
async function haveItUsed(
  { database, nodes, peers }: RotationParts,
  plane: ConfiguredPlane,
  rotation: PlaneKeyRotation,
): Promise<string> {
  const kind = plane.kind === 'doors' ? 'doors' : 'node';
  const client = nodes[plane.nodeIndex ?? -1];
  if (client === undefined) throw new KartaError('internal', 'no such data plane is configured');
  let kid = rotation.new_kid;
  if (kid === null) {
    const json = { rotation_id: rotation.id, kind };
    const path = '/v1/internal/plane-keys/offer';
    const answer = await client.call({ method: 'POST', path, json }, keyOffer);
    const key = await offeredKey(peers, plane, rotation, answer?.offer ?? '');
    kid = await database.transaction().execute(async (tx) => {
      await insertKey(tx, plane, key);
      return settleOn(tx, rotation.id, key.kid);
    });
    // From here on what it signs is believed, by this process and by any that meets it.
    await peers.reload();
  }
  const json = { kid, kind };
  const path = '/v1/internal/plane-keys/use';
  if ((await client.call({ method: 'POST', path, json }, usedKey)) !== null) return kid;
  throw new KartaError('control_unavailable', `The ${kind} does not know the key that it offered.`);
}

/** What the plane's present key has signed for this rotation, and that nobody else goes by. */
async function offeredKey(
  peers: PeerKeys,
  plane: ConfiguredPlane,
  rotation: PlaneKeyRotation,
  offer: string,
): Promise<PlanePublicKey> {
  const kind = plane.kind === 'doors' ? 'doors' : 'plane';
  const key = await readKeyOffer(offer, {
    rotationId: rotation.id,
    async of(kid) {
      const peer = await peers.of(kid);
      const its = peer?.kind === kind && peer.node.kid === plane.node?.kid;
      return its ? peer.key : null;
    },
  });
  if (key === null || (await peers.of(key.kid)) !== null) {
    throw new KartaError('control_unavailable', 'A plane offered a key that proves nothing.');
  }
  return key;
}

/** This plane's own key: made here, believed by every data plane, and only then used. */
async function tellEverybody(
  parts: RotationParts,
  plane: ConfiguredPlane,
  rotation: PlaneKeyRotation,
): Promise<string> {
  const { database, signing } = parts;
  const kid =
    rotation.new_kid ??
    (await database.transaction().execute(async (tx) => {
      const made = newPlaneKey();
      await insertKey(tx, plane, publicHalf(made), { sealed: signing.seal(made) });
      return settleOn(tx, rotation.id, made.kid);
    }));
  await tell(parts, rotation, kid);
  return kid;
}

/** Tells every data plane of this key of ours, which may be known there. */
async function tell(
  { database, nodes }: RotationParts,
  rotation: PlaneKeyRotation,
  kid: string,
): Promise<void> {
  const { public_jwk: key } = await database
    .selectFrom('plane_keys')
    .select('public_jwk')
    .where('kid', '=', kid)
    .executeTakeFirstOrThrow();
  const json = { key, overlap_ms: rotation.overlap_ms };
  const path = '/v1/internal/plane-keys/control';
  const told = nodes.map(async (client) => {
    const answer = await client.call({ method: 'POST', path, json }, usedKey);
    if (answer === null) throw new KartaError('internal', 'a data plane did not take the key');
  });
  await Promise.all(told);
}
