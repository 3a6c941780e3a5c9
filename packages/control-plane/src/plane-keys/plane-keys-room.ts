import { KartaError, type PlaneKeyView, type rotatePlaneKeysBody } from '@karta/protocol';
import { loadPepper } from '@karta/service/home';
import type { KnownPeers, PlaneClient } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { z } from 'zod';
import type { ControlPlaneConfig } from '../config.ts';
import type { Operator } from '../http/actor.ts';
import type { Database } from '../sql/database.ts';
import { type ConfiguredPlane, configuredPlanes, planeName } from './configured-planes.ts';
import { listPlaneKeys } from './list-keys.ts';
import { nodeClient } from './node-client.ts';
import { createPeerKeys } from './peer-keys.ts';
import { type RotationParts, rotateKey } from './rotate-key.ts';
import { openRotations, requestRotation } from './rotation-rows.ts';
import { openSigningKey } from './signing-key.ts';

/** How often changes that wait for a plane are tried again, in milliseconds. */
const RETRY_MS = 5_000;
/** How long a request to change keys waits for it to be done, in milliseconds. */
const ANSWER_MS = 5_000;

/** The keys by which the planes know each other, and how they change while everybody serves. */
export interface PlaneKeys {
  /** The configured data planes, in order, under whatever key counts. */
  nodes: readonly PlaneClient[];
  /** Whose requests are believed here. */
  peers: KnownPeers;
  list(): Promise<PlaneKeyView[]>;
  /**
   * Begins to change keys, and waits a moment for the end of it. `KartaError('not_found')` when no
   * configured plane is meant.
   */
  rotate(by: Operator, asked: z.output<typeof rotatePlaneKeysBody>): Promise<PlaneKeyView[]>;
  /** Carries on what was begun, here or in another process. */
  start(): void;
  stop(): Promise<void>;
}

export async function createPlaneKeysRoom(deps: {
  config: Pick<ControlPlaneConfig, 'home' | 'plane_key' | 'nodes' | 'plane_key_overlap_ms'>;
  database: Database;
  log: Logger;
}): Promise<PlaneKeys> {
  const { config, database, log } = deps;
  const { plane_key: configured, plane_key_overlap_ms: overlapMs } = config;
  const planes = configuredPlanes(config);
  const signing = await openSigningKey(database, configured, await loadPepper(config.home));
  const nodes = config.nodes.map(({ internal_url: baseUrl }) =>
    nodeClient({ baseUrl, configured, signing, overlapMs }),
  );
  const peers = createPeerKeys(planes, database, log);
  const parts: RotationParts = { database, nodes, peers, signing };
  let working: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;

  async function carryOn(): Promise<void> {
    const open = await openRotations(database);
    await Promise.all(
      open.map(async (rotation) => {
        const plane = planes.find(({ key }) => key.kid === rotation.configured_kid);
        // Of a plane that is configured no more, or of another control plane.
        if (plane === undefined) return;
        await rotateKey(parts, plane, rotation).catch((error: unknown) => {
          const name = { of: plane.kind, plane: planeName(plane) };
          log.warn({ err: error, ...name }, 'a key between the planes waits for its change');
        });
      }),
    );
    // Another process may have changed the key that this one signs with.
    await signing.reload();
  }

  /** One look at a time; whoever asks meanwhile gets one that begins after they did. */
  async function work(): Promise<void> {
    await working;
    working ??= carryOn()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'changes of keys between the planes could not be looked at');
      })
      .finally(() => {
        working = null;
      });
    return working;
  }

  function meant({ of, node_id: nodeId }: z.output<typeof rotatePlaneKeysBody>): ConfiguredPlane[] {
    const found = planes.filter(
      (plane) =>
        (of === undefined || plane.kind === of) &&
        (nodeId === undefined || (plane.node !== null && planeName(plane) === nodeId)),
    );
    if (found.length === 0) throw new KartaError('not_found', 'No such plane is configured.');
    return found;
  }

  return {
    nodes,
    peers,
    list: () => listPlaneKeys(database, planes),
    async rotate(by, asked) {
      const found = meant(asked);
      const { compromised } = asked;
      await database.transaction().execute(async (tx) => {
        for (const plane of found) {
          const wish = { overlapMs: compromised ? 0 : overlapMs, compromised };
          await requestRotation(tx, by, plane, wish);
        }
      });
      const late = Promise.withResolvers<void>();
      const waiting = setTimeout(late.resolve, ANSWER_MS);
      await Promise.race([work(), late.promise]);
      clearTimeout(waiting);
      return listPlaneKeys(database, planes);
    },
    start() {
      void work();
      timer = setInterval(() => void work(), RETRY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await working;
    },
  };
}
