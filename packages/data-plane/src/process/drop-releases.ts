import type { Logger } from 'pino';
import type { Catalog } from '../catalog/catalog.ts';
import type { LocalReleases } from '../releases/local-releases.ts';
import type { ReleasePins } from '../sessions/release-pins.ts';

/** How soon after a change of the catalog it is looked at, in milliseconds: changes come in bursts. */
const SETTLE_MS = 2_000;
/** How often without a change, in milliseconds: what was too young to go may be old enough by then. */
const LOOK_MS = 60 * 60 * 1000;

export interface DropReleasesParts {
  catalog: Pick<Catalog, 'heardAt' | 'onChange' | 'releaseById' | 'keptDigests'>;
  pins: Pick<ReleasePins, 'all'>;
  local: Pick<LocalReleases, 'keepOnly'>;
  log: Pick<Logger, 'info' | 'error'>;
  settleMs?: number;
}

/**
 * Removes the files of releases that the control plane keeps no longer: those that went while this
 * node was away, and from now on soon. Returns its end.
 */
export function dropReleases(parts: DropReleasesParts): () => void {
  const { catalog, pins, local, log, settleMs = SETTLE_MS } = parts;
  let timer: NodeJS.Timeout | null = null;

  async function look(): Promise<void> {
    // What is on disk may be of long ago; until the control plane has spoken nothing is sure.
    if (catalog.heardAt === null) return;
    const needed = await pins.all();
    // A session of which nothing is known any more is about to end: its sandbox may still run.
    if ([...needed].some((id) => catalog.releaseById(id) === null)) return;
    const digests = catalog.keptDigests();
    for (const id of needed) {
      const release = catalog.releaseById(id);
      if (release !== null) digests.add(release.digest);
    }
    const dropped = await local.keepOnly(digests);
    if (dropped > 0) log.info({ dropped }, 'files of releases that nobody needs were removed');
  }

  function soon(): void {
    timer ??= setTimeout(() => {
      timer = null;
      look().catch((error: unknown) => {
        log.error({ err: error }, 'files of old releases could not be removed');
      });
    }, settleMs);
    timer.unref();
  }

  catalog.onChange(soon);
  const regularly = setInterval(soon, LOOK_MS);
  regularly.unref();
  soon();
  return () => {
    clearInterval(regularly);
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
}
