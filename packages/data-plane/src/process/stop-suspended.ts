import type { Logger } from 'pino';
import type { Catalog } from '../catalog/catalog.ts';
import type { SessionEngine } from '../sessions/session-engine.ts';

export interface StopSuspendedParts {
  catalog: Pick<Catalog, 'onChange' | 'denial' | 'stoppedOrgIds'>;
  engine: Pick<SessionEngine, 'stopOrgs'>;
  /** Has this process and the doors forget what they know of orgs. */
  forgetOrgs(orgIds: readonly string[]): Promise<void>;
  log: Pick<Logger, 'error'>;
}

/**
 * Stops what runs of orgs that are suspended or deleted: those that were while this node was away,
 * and from now on at once. Their doors forget keys and budgets with it.
 */
export function stopSuspended({ catalog, engine, forgetOrgs, log }: StopSuspendedParts): void {
  const stop = (orgIds: readonly string[]) => {
    engine.stopOrgs(new Set(orgIds)).catch((error: unknown) => {
      log.error({ err: error }, 'what runs of a suspended org could not be stopped');
    });
  };
  stop(catalog.stoppedOrgIds());
  catalog.onChange(({ orgIds }) => {
    if (orgIds.size === 0) return;
    forgetOrgs([...orgIds]).catch((error: unknown) => {
      log.error({ err: error }, 'the doors were not told of a suspended org');
    });
    stop([...orgIds].filter((id) => catalog.denial('org', id) !== null));
  });
}
