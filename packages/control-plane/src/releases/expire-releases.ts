import { recordAudit } from '../audit/record.ts';
import type { Database } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';

/** A release that goes when no session needs it, as it was when the nodes were asked. */
export interface RetiringRelease {
  id: string;
  org_id: string;
  project_id: string;
  /** Another one by now: it was kept, or kept and marked again. */
  revision: string;
}

/** All releases that go when no session needs them, oldest first; at most `limit`. */
export function retiringReleases(database: Database, limit: number): Promise<RetiringRelease[]> {
  return database
    .selectFrom('releases')
    .select(['id', 'org_id', 'project_id', 'revision'])
    .where('retiring_at', 'is not', null)
    .where('expired_at', 'is', null)
    .orderBy('retiring_at')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/**
 * Ends the life of releases that no session needs: from now on they cannot be activated, and their
 * files may go. Those that somebody has kept since they were read stay. Tells how many ended.
 */
export async function expireReleases(
  database: Database,
  releases: readonly RetiringRelease[],
): Promise<number> {
  let ended = 0;
  for (const [projectId, group] of Map.groupBy(releases, ({ project_id }) => project_id)) {
    ended += await database.transaction().execute(async (tx) => {
      const project = await tx
        .selectFrom('projects')
        .select(['org_id', 'ref'])
        .where('id', '=', projectId)
        .forUpdate()
        .executeTakeFirstOrThrow();
      const rows = await tx
        .selectFrom('releases')
        .select(['id', 'number', 'revision'])
        .where(
          'id',
          'in',
          group.map(({ id }) => id),
        )
        .where('retiring_at', 'is not', null)
        .where('expired_at', 'is', null)
        .orderBy('number')
        .execute();
      const seen = new Map(group.map(({ id, revision }) => [id, revision]));
      const still = rows.filter(({ id, revision }) => seen.get(id) === revision);
      if (still.length === 0) return 0;
      await tx
        .updateTable('releases')
        .set({ expired_at: new Date(), retiring_at: null, revision: await nextRevision(tx) })
        .where(
          'id',
          'in',
          still.map(({ id }) => id),
        )
        .execute();
      await recordAudit(tx, {
        actor: { kind: 'system', id: 'system', orgId: project.org_id, label: 'karta' },
        action: 'releases.collect',
        target: { kind: 'project', id: projectId },
        details: { project: project.ref, versions: still.map(({ number }) => `v${number}`) },
      });
      return still.length;
    });
  }
  return ended;
}
