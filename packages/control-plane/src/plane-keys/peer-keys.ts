import type { KnownPeer, KnownPeers } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { Database } from '../sql/database.ts';
import type { ConfiguredPlane } from './configured-planes.ts';

/** How long what another control plane has changed may go unnoticed, in milliseconds. */
const RELOAD_MS = 5_000;

interface Known {
  peer: KnownPeer;
  /** In milliseconds since the epoch. */
  refusedAt: number | null;
}

/** The keys that data planes and doors sign with. */
export interface PeerKeys extends KnownPeers {
  /** Something has changed here. */
  reload(): Promise<void>;
}

/**
 * The configured keys and those that came after them. A key that is not known may have been taken by
 * another control plane a moment ago, so it is looked for before it is refused.
 */
export function createPeerKeys(
  planes: readonly ConfiguredPlane[],
  database: Database,
  log: Pick<Logger, 'warn'>,
): PeerKeys {
  const peers = planes.filter(({ kind }) => kind !== 'control');
  let known = new Map<string, Known>();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | null = null;

  async function load(): Promise<void> {
    const rows = await database
      .selectFrom('plane_keys')
      .select(['kid', 'configured_kid', 'public_jwk', 'refused_at'])
      .where('kind', '!=', 'control')
      .execute();
    const found = new Map<string, Known>();
    for (const { key, node, kind } of peers) {
      const peer = (of: typeof key): KnownPeer => ({
        key: of,
        node: node ?? key,
        kind: kind === 'doors' ? 'doors' : 'plane',
      });
      // A key that is configured as both is a plane's: it then opens nothing of the doors.
      if (!found.has(key.kid)) found.set(key.kid, { peer: peer(key), refusedAt: null });
      for (const row of rows) {
        if (row.configured_kid !== key.kid) continue;
        const refusedAt = row.refused_at?.getTime() ?? null;
        found.set(row.kid, { peer: peer(row.public_jwk), refusedAt });
      }
    }
    known = found;
    loadedAt = performance.now();
  }

  function reload(): Promise<void> {
    loading ??= load().finally(() => {
      loading = null;
    });
    return loading;
  }

  function find(kid: string): KnownPeer | null {
    const entry = known.get(kid);
    if (entry === undefined) return null;
    return entry.refusedAt !== null && entry.refusedAt <= Date.now() ? null : entry.peer;
  }

  return {
    async reload() {
      // One that runs already may have read before the change.
      await loading?.catch(() => undefined);
      await reload();
    },
    async of(kid) {
      if (!known.has(kid) || performance.now() - loadedAt > RELOAD_MS) {
        await reload().catch((error: unknown) => {
          log.warn({ err: error }, 'the keys of the data planes could not be read again');
        });
      }
      return find(kid);
    },
  };
}
