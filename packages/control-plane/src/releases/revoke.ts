import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import { activate } from './activate.ts';
import type { ReleaseRow } from './tables.ts';

/**
 * Revokes a release of a project, whose row the caller has locked: nothing starts on it any more,
 * and nodes end its sessions. When it is the active one, the release that was active before takes
 * its place; without one the project has none. Revoking again changes nothing.
 */
export async function revoke(
  tx: Tx,
  actor: OrgActor,
  project: ProjectRow,
  release: ReleaseRow,
): Promise<void> {
  if (release.revoked_at !== null) return;
  await tx
    .updateTable('releases')
    .set({ revoked_at: new Date(), revision: await nextRevision(tx) })
    .where('id', '=', release.id)
    .execute();
  await tx.deleteFrom('previews').where('release_id', '=', release.id).execute();
  const next = project.active_release_id === release.id ? await replace(tx, actor, project) : null;
  await emitWebhook(tx, {
    orgId: actor.orgId,
    type: 'release.revoked',
    data: {
      project_id: project.id,
      project_ref: project.ref,
      release_id: release.id,
      version: `v${release.number}`,
    },
  });
  await recordAudit(tx, {
    actor,
    action: 'releases.revoke',
    target: { kind: 'release', id: release.id },
    details: { project: project.ref, version: `v${release.number}`, active_now: next },
  });
}

/** Puts the release that was active before in the place of the active one; tells its version. */
async function replace(tx: Tx, actor: OrgActor, project: ProjectRow): Promise<string | null> {
  const before = await tx
    .selectFrom('activations')
    .innerJoin('releases', 'releases.id', 'activations.release_id')
    .where('activations.project_id', '=', project.id)
    .where('releases.revoked_at', 'is', null)
    .where('releases.expired_at', 'is', null)
    .selectAll('releases')
    .orderBy('activations.at', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (before !== undefined) {
    await activate(tx, actor, project, before, 'rollback');
    return `v${before.number}`;
  }
  await tx
    .updateTable('projects')
    .set({ active_release_id: null, revision: await nextRevision(tx) })
    .where('id', '=', project.id)
    .execute();
  return null;
}
