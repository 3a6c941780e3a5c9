import { sql } from 'kysely';
import type { Database, Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';

/**
 * Marks the releases that nobody keeps: not the active one nor the one that a rollback would take,
 * not with a live preview, not among the `keep` newest of a project that is there. No further
 * session is pinned to them once the nodes have heard.
 */
export async function retireReleases(database: Database, keep: number, now: Date): Promise<void> {
  const projects = await unkept(database, keep, now, null);
  for (const projectId of new Set(projects.map(({ project_id }) => project_id))) {
    await database.transaction().execute(async (tx) => {
      // Whoever activates, previews or publishes holds this lock too.
      await tx
        .selectFrom('projects')
        .select('id')
        .where('id', '=', projectId)
        .forUpdate()
        .execute();
      const ids = (await unkept(tx, keep, now, projectId)).map(({ id }) => id);
      if (ids.length === 0) return;
      await tx
        .updateTable('releases')
        .set({ retiring_at: now, revision: await nextRevision(tx) })
        .where('id', 'in', ids)
        .execute();
    });
  }
}

/** Keeps a release of a project, whose row the caller has locked, that was about to go. */
export async function keepRelease(tx: Tx, releaseId: string): Promise<void> {
  const retiring = await tx
    .selectFrom('releases')
    .select('id')
    .where('id', '=', releaseId)
    .where('retiring_at', 'is not', null)
    .executeTakeFirst();
  if (retiring === undefined) return;
  await tx
    .updateTable('releases')
    .set({ retiring_at: null, revision: await nextRevision(tx) })
    .where('id', '=', releaseId)
    .execute();
}

async function unkept(
  from: Database | Tx,
  keep: number,
  now: Date,
  projectId: string | null,
): Promise<{ id: string; project_id: string }[]> {
  const { rows } = await sql<{ id: string; project_id: string }>`
    select release.id, release.project_id
    from releases release
    join projects project on project.id = release.project_id
    join orgs org on org.id = project.org_id
    where release.expired_at is null and release.retiring_at is null
      and (${projectId}::text is null or project.id = ${projectId}::text)
      and (
        project.deleted_at is not null or org.deleted_at is not null
        or (
          release.id is distinct from project.active_release_id
          and not exists (
            select 1 from previews preview
            where preview.release_id = release.id and preview.expires_at > ${now}
          )
          and release.id is distinct from (
            select activation.previous_release_id from activations activation
            where activation.project_id = project.id
            order by activation.at desc, activation.id desc limit 1
          )
          and release.number <= (
            select newer.number from releases newer
            where newer.project_id = project.id and newer.expired_at is null
            order by newer.number desc offset ${keep} limit 1
          )
        )
      )`.execute(from);
  return rows;
}
