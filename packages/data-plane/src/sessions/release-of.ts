import { KartaError } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import type { ReleaseDescription } from '../runner/port.ts';
import type { SessionRow } from '../sql/index.ts';
import type { Engine } from './engine.ts';

/** The release a session is pinned to. Throws `KartaError('harness_missing')` when it is gone. */
export async function releaseOf(
  engine: Engine,
  row: Pick<SessionRow, 'org_id' | 'release_id'>,
): Promise<Release> {
  const release = await engine.control.release(row.org_id, row.release_id);
  if (release === null) {
    throw new KartaError('harness_missing', 'The release of this session is no longer there.');
  }
  return release;
}

/** Throws `KartaError('release_revoked')` for a session whose release may run no more. */
export async function requireUnrevoked(
  engine: Engine,
  row: Pick<SessionRow, 'org_id' | 'release_id'>,
): Promise<void> {
  const release = await engine.control.release(row.org_id, row.release_id);
  if (release?.revokedAt == null) return;
  throw new KartaError(
    'release_revoked',
    `The release of this session, ${release.version}, was revoked.`,
  );
}

/** What the release offers. Throws `KartaError('unknown_agent')`, naming the agents there are. */
export async function requireAgent(
  engine: Engine,
  release: Release,
  agent: string,
): Promise<ReleaseDescription> {
  const description = await engine.runner.describe(release);
  if (description.agents.some((known) => known.name === agent)) return description;
  const names = description.agents.map((known) => known.name).join(', ');
  throw new KartaError('unknown_agent', `There is no agent "${agent}". There are: ${names}.`, {
    extra: { errors: [{ pointer: '/agent', message: `must be one of ${names}` }] },
  });
}
