import { createHash } from 'node:crypto';
import type { Database } from '../sql/database.ts';
import type { BuildRow } from './tables.ts';

/**
 * Marks a waiting build as running: the oldest of the orgs that have fewest running, so that nobody
 * waits for all that another has put in. Several that ask at once get different ones.
 */
export async function claimBuild(database: Database, grant: string): Promise<BuildRow | undefined> {
  return database
    .updateTable('builds')
    .set({ status: 'running', started_at: new Date(), grant_digest: grantDigest(grant) })
    .where('id', '=', (eb) =>
      eb
        .selectFrom('builds as waiting')
        .select('waiting.id')
        .where('waiting.status', '=', 'queued')
        .orderBy((inner) =>
          inner
            .selectFrom('builds as running')
            .select((all) => all.fn.countAll().as('count'))
            .whereRef('running.org_id', '=', 'waiting.org_id')
            .where('running.status', '=', 'running'),
        )
        .orderBy('waiting.created_at')
        .limit(1)
        .forUpdate('waiting')
        .skipLocked(),
    )
    .returningAll()
    .executeTakeFirst();
}

/** What the table keeps of a build grant. */
export function grantDigest(grant: string): string {
  return createHash('sha256').update(grant).digest('hex');
}
