import { pinsAnswer } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { BlobStore } from '../blobs/blob-store.ts';
import { sweepBlobs } from '../blobs/sweep-blobs.ts';
import type { Database } from '../sql/database.ts';
import { catalogVersion } from '../sync/catalog-version.ts';
import { expireReleases, type RetiringRelease, retiringReleases } from './expire-releases.ts';
import { retireReleases } from './retire-releases.ts';

/** Releases that the nodes are asked about at once. */
const BATCH = 5_000;

export interface CollectorParts {
  database: Database;
  blobs: BlobStore;
  /** Every data plane: one that cannot be asked may need any release. */
  nodes: readonly PlaneClient[];
  /** Newest releases of a project that are kept in any case. */
  keep: number;
  everyMs: number;
  /** Tells the nodes of a change and resolves when they have heard of it, or soon after. */
  synced(): Promise<void>;
  log: Logger;
  /** Milliseconds since the epoch; the machine's clock when absent. */
  now?: () => number;
}

/** What one look came to. */
export interface Collected {
  /** Releases whose files are kept no longer. */
  releases: number;
  /** Bytes of images and archives that were removed. */
  bytes: number;
}

/** Removes the files of old releases that no session is pinned to. */
export interface Collector {
  start(): void;
  /** One look. Looks that meet are one. */
  collect(): Promise<Collected>;
  stop(): Promise<void>;
}

/**
 * Collects in an order in which no session loses its release: mark what nobody keeps, so that nodes
 * which have heard pin nothing further to it; ask every node, as of that mark or later, what its
 * sessions need; end the rest, unless somebody has activated it meanwhile; remove what no kept
 * release names.
 */
export function createCollector(parts: CollectorParts): Collector {
  const { database, blobs, nodes, log, now = Date.now } = parts;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<Collected> | null = null;

  async function look(): Promise<Collected> {
    await retireReleases(database, parts.keep, new Date(now()));
    const retiring = await retiringReleases(database, BATCH);
    const releases = retiring.length === 0 ? 0 : await endUnpinned(retiring);
    const bytes = await sweepBlobs(database, blobs, now());
    if (releases > 0 || bytes > 0) log.info({ releases, bytes }, 'old releases were collected');
    return { releases, bytes };
  }

  async function endUnpinned(retiring: readonly RetiringRelease[]): Promise<number> {
    const version = await catalogVersion(database);
    await parts.synced();
    const pinned = await pinnedOn(
      retiring.map(({ id }) => id),
      version,
    );
    if (pinned === null) return 0;
    const ended = await expireReleases(
      database,
      retiring.filter(({ id }) => !pinned.has(id)),
    );
    if (ended > 0) await parts.synced();
    return ended;
  }

  /** What sessions need; `null` when a node cannot be asked or has not heard yet. */
  async function pinnedOn(ids: readonly string[], version: number): Promise<Set<string> | null> {
    const pinned = new Set<string>();
    for (const [at, node] of nodes.entries()) {
      try {
        const answer = await node.call(
          { method: 'POST', path: '/v1/internal/pins', json: { release_ids: ids } },
          pinsAnswer,
        );
        if (answer === null || answer.version < version) {
          log.info({ node: at }, 'nothing is collected: a node has not heard of the newest change');
          return null;
        }
        for (const id of answer.pinned) pinned.add(id);
      } catch (error) {
        log.warn({ err: error, node: at }, 'nothing is collected: a node cannot be asked');
        return null;
      }
    }
    return pinned;
  }

  function collect(): Promise<Collected> {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  }

  return {
    collect,
    start() {
      timer = setInterval(() => {
        collect().catch((error: unknown) => {
          log.error({ err: error }, 'old releases could not be collected');
        });
      }, parts.everyMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await looking?.catch(() => undefined);
    },
  };
}
