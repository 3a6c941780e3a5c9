import { type PinsAnswer, pinsBody } from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import type { Catalog } from './catalog.ts';

/** Tells which releases sessions of this node need, as of the catalog's version or later. */
export function pinsRoute(
  catalog: Pick<Catalog, 'version'>,
  pins: { among(releaseIds: readonly string[]): Promise<string[]> },
): BoundInternalRoute {
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/pins',
    body: pinsBody,
    async handle({ body }): Promise<PinsAnswer> {
      // Before the look: what the catalog said by then has kept out whoever is not counted.
      const { version } = catalog;
      return { version, pinned: await pins.among(body.release_ids) };
    },
  });
}
