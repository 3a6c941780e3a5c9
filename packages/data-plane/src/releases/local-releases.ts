import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { KartaError } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';
import { storedImage } from '../builds/image/compressed-image.ts';
import { extractImage } from '../builds/image/extract-image.ts';
import { ImageError } from '../builds/image/manifest.ts';
import type { Release } from '../control/port.ts';
import { startFault } from '../runner/machine/faults.ts';
import { draftRelease } from './draft-release.ts';
import { ageOf, moveAway, releasesIn } from './local-trees.ts';
import { releaseFolder } from './paths.ts';
import { readTree } from './read-tree.ts';

/** How long a tree may lie here before the control plane has told of its release, in milliseconds. */
const UNTOLD_MS = 60 * 60 * 1000;
/** Seconds after which a release that could not be had may be there. */
const RETRY_S = 2;

export interface PullParts {
  home: string;
  client: PlaneClient;
  /** Proof that this node has met a credential of the org at some time; `null` without any. */
  proofOf(orgId: string): string | null;
}

/** The releases on this machine. */
export interface LocalReleases {
  /**
   * Has one here: one that is not, or is not what its digest says, is pulled from the control plane,
   * checked, and put in its place in one step. Each is looked at once; calls that meet share one
   * pull. Throws `KartaError`: `release_unavailable`, `release_expired`, `control_unavailable`,
   * `storage_full`.
   */
  have(release: Release): Promise<void>;
  /**
   * Removes what lies here under other digests than these, unless it was put there within
   * `graceMs`: a build's tree is here before anybody has told of its release. Tells how many.
   */
  keepOnly(digests: ReadonlySet<string>, graceMs?: number): Promise<number>;
}

export function createLocalReleases(parts: PullParts): LocalReleases {
  const there = new Map<string, Promise<void>>();
  /** Whoever needs one that is just being removed pulls it again afterwards. */
  const going = new Map<string, Promise<void>>();

  async function afterwards(release: Release): Promise<void> {
    await going.get(release.digest);
    await have(parts, release);
  }

  async function drop(path: string, digest: string): Promise<void> {
    there.delete(digest);
    const moved = moveAway(parts.home, path);
    const gone = moved.then(
      () => {},
      () => {},
    );
    going.set(digest, gone);
    await gone;
    going.delete(digest);
    await rm(await moved, { recursive: true, force: true });
  }

  return {
    have(release) {
      const known = there.get(release.digest);
      if (known !== undefined) return known;
      const having = afterwards(release);
      there.set(release.digest, having);
      having.catch(() => there.delete(release.digest));
      return having;
    },
    async keepOnly(digests, graceMs = UNTOLD_MS) {
      let dropped = 0;
      for (const { digest, path } of await releasesIn(parts.home)) {
        if (digests.has(digest) || (await ageOf(path)) < graceMs) continue;
        await drop(path, digest);
        dropped += 1;
      }
      return dropped;
    },
  };
}

async function have(parts: PullParts, release: Release): Promise<void> {
  const tree = await readTree(releaseFolder(parts.home, release.digest)).catch(() => null);
  if (tree?.content === release.digest) return;
  const grant = parts.proofOf(release.orgId);
  if (grant === null) throw unavailable('This node has no permission of its org yet.');
  const response = await parts.client.fetch({
    method: 'GET',
    path: `/v1/internal/releases/${release.id}/image`,
    grant,
  });
  if (response.status === 410) throw new KartaError('release_expired');
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw unavailable(`The control plane does not hand out this release (${response.status}).`);
  }
  const draft = await draftRelease(parts.home);
  try {
    const image = storedImage(Readable.fromWeb(response.body as never));
    await extractImage(image, draft.path, ({ digest }) => {
      if (digest !== release.digest) throw new ImageError('the image is another release');
    });
    await draft.keep(release.digest);
  } catch (cause) {
    if (KartaError.is(cause)) throw cause;
    if (startFault(cause).code === 'storage_full') {
      throw new KartaError('storage_full', 'This server has no room for the release.', { cause });
    }
    throw unavailable('The release did not arrive whole.', cause);
  } finally {
    await draft.discard();
  }
}

function unavailable(detail: string, cause?: unknown): KartaError {
  return new KartaError('release_unavailable', detail, {
    retryAfter: RETRY_S,
    ...(cause === undefined ? {} : { cause }),
  });
}
