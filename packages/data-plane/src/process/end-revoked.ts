import type { Logger } from 'pino';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import type { SessionEngine } from '../sessions/session-engine.ts';

/**
 * Ends the sessions of releases that are revoked and of projects that were deleted: those that were
 * while this node was away, and from now on at once.
 */
export function endRevoked(
  catalog: Catalog,
  engine: Pick<SessionEngine, 'endSessionsOf'>,
  log: Pick<Logger, 'error'>,
): void {
  const end = (gone: { releaseIds: string[]; projectIds: string[] }) => {
    engine.endSessionsOf(gone).catch((error: unknown) => {
      log.error({ err: error }, 'sessions of a revoked release could not be ended');
    });
  };
  end({ releaseIds: catalog.revokedReleaseIds(), projectIds: [] });
  catalog.onChange(({ releaseIds, projectIds }: CatalogChange) => {
    end({
      releaseIds: [...releaseIds].filter((id) => catalog.releaseById(id)?.revoked_at != null),
      projectIds: [...projectIds].filter((id) => !catalog.hasProject(id)),
    });
  });
}
