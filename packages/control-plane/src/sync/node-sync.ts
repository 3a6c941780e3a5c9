import { EventEmitter, once } from 'node:events';
import { KartaError, type SyncBody, syncAnswer } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { Logger } from 'pino';
import type { Database } from '../sql/database.ts';
import { catalogChanges } from './catalog-changes.ts';
import { catalogVersion } from './catalog-version.ts';

/** How often a node hears from the control plane without news, in milliseconds. */
const BEAT_MS = 500;
/** How long a change waits for the nodes to have heard of it, in milliseconds. */
const SETTLE_MS = 1_000;
/** How long a node may take to answer, in milliseconds. */
const ANSWER_MS = 5_000;
/** How often the keys of session tokens are read again without a change, in milliseconds. */
const KEYS_MS = 10_000;

export interface NodeSyncParts {
  database: Database;
  nodes: readonly PlaneClient[];
  /** Origins of the control plane's own pages. */
  staffOrigins?: readonly string[];
  /** Public keys of session tokens, as a JWK Set. */
  tokenKeys(): Promise<SyncBody['token_keys']>;
  log: Logger;
}

/** Keeps every node's catalog as it is here: at once after a change, and by a steady beat. */
export interface NodeSync {
  /** Something has changed and is committed. */
  changed(): void;
  /** As `changed`; resolves when all nodes that answer have heard of it, or after a moment. */
  synced(): Promise<void>;
  /** Where clients reach a node, as one has told; `null` before. */
  dataUrl(): string | null;
  start(): void;
  stop(): Promise<void>;
}

export function createNodeSync(parts: NodeSyncParts): NodeSync {
  const stopping = new AbortController();
  const events = new EventEmitter();
  events.setMaxListeners(0);
  /** What each node has; `null`: not known, so it gets everything. */
  const known: (number | null)[] = parts.nodes.map(() => null);
  const reachable = parts.nodes.map(() => true);
  let loops: Promise<void>[] = [];
  let url: string | null = null;
  let keys: { set: SyncBody['token_keys']; readAt: number } | null = null;

  async function loop(index: number): Promise<void> {
    while (!stopping.signal.aborted) {
      // Listened for before the look, so that no change falls between.
      const woken = nextChange();
      await bring(index).catch((error: unknown) => failed(index, error));
      events.emit('brought');
      await woken;
    }
  }

  async function nextChange(): Promise<void> {
    const late = AbortSignal.timeout(BEAT_MS);
    const signal = AbortSignal.any([stopping.signal, late]);
    await once(events, 'changed', { signal }).catch((error: unknown) => {
      if ((error as Error).name !== 'AbortError') throw error;
    });
  }

  async function bring(index: number): Promise<void> {
    const node = parts.nodes[index] as PlaneClient;
    for (;;) {
      const body = await catalogChanges(parts.database, known[index] ?? null, {
        tokenKeys: await tokenKeys(),
        nodes: parts.nodes.length,
        staffOrigins: parts.staffOrigins ?? [],
      });
      const answer = await node.call(
        {
          method: 'POST',
          path: '/v1/internal/sync',
          json: body,
          timeoutMs: ANSWER_MS,
          signal: stopping.signal,
        },
        syncAnswer,
      );
      if (answer === null) throw new KartaError('internal', 'the node has no route for syncs');
      url = answer.url;
      if (!reachable[index]) parts.log.info({ node: answer.node_id }, 'a node is back');
      reachable[index] = true;
      const took = answer.version === body.version;
      known[index] = took ? answer.version : null;
      if (took) return;
      if (body.complete) throw new KartaError('internal', 'the node did not take the catalog');
    }
  }

  function failed(index: number, error: unknown): void {
    if (stopping.signal.aborted) return;
    known[index] = null;
    if (reachable[index]) parts.log.warn({ err: error, node: index }, 'a node is out of reach');
    reachable[index] = false;
  }

  async function tokenKeys(): Promise<SyncBody['token_keys']> {
    if (keys === null || Date.now() - keys.readAt > KEYS_MS) {
      keys = { set: await parts.tokenKeys(), readAt: Date.now() };
    }
    return keys.set;
  }

  function changed(): void {
    keys = null;
    events.emit('changed');
  }

  return {
    changed,
    async synced() {
      const version = await catalogVersion(parts.database);
      changed();
      const late = AbortSignal.any([stopping.signal, AbortSignal.timeout(SETTLE_MS)]);
      const behind = () => known.some((has, at) => reachable[at] && (has ?? 0) < version);
      while (loops.length > 0 && behind() && !late.aborted) {
        await once(events, 'brought', { signal: late }).catch((error: unknown) => {
          if ((error as Error).name !== 'AbortError') throw error;
        });
      }
    },
    dataUrl: () => url,
    start() {
      loops = parts.nodes.map((_, index) => loop(index));
    },
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}
