import { KartaError, newId } from '@karta/protocol';
import type { OrgActor } from '../http/actor.ts';
import { setDefaultProject } from '../projects/default-project.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import { keepRelease } from './retire-releases.ts';
import type { ActivationTable, ReleaseRow } from './tables.ts';

/** A release as far as activating it goes. */
export type ActivatedRelease = Pick<ReleaseRow, 'id' | 'number' | 'revoked_at' | 'expired_at'>;

/** What an activation replaced. */
export interface Activated {
  activationId: string;
  previousVersion: string | null;
}

/**
 * Points a project, whose row the caller has locked, at one of its releases; the first activation
 * of an org makes its project the default. `null` when it points there already. Throws
 * `KartaError`: `release_revoked`, `release_expired`.
 */
export async function activate(
  tx: Tx,
  actor: OrgActor,
  project: ProjectRow,
  release: ActivatedRelease,
  reason: ActivationTable['reason'],
): Promise<Activated | null> {
  requireUsable(release);
  if (project.active_release_id === release.id) return null;
  await keepRelease(tx, release.id);
  const previous = await versionOf(tx, project.active_release_id);
  const revision = await nextRevision(tx);
  const at = new Date();
  await tx
    .updateTable('projects')
    .set({ active_release_id: release.id, revision })
    .where('id', '=', project.id)
    .execute();
  const activationId = newId('activation');
  await tx
    .insertInto('activations')
    .values({
      id: activationId,
      org_id: actor.orgId,
      project_id: project.id,
      release_id: release.id,
      previous_release_id: project.active_release_id,
      reason,
      by_kind: actor.kind,
      by_id: actor.id,
      by_label: actor.label,
      at,
    })
    .execute();
  const org = await tx
    .selectFrom('orgs')
    .select('default_project_id')
    .where('id', '=', actor.orgId)
    .executeTakeFirstOrThrow();
  if (org.default_project_id === null) await setDefaultProject(tx, actor.orgId, project.id);
  await emitWebhook(tx, {
    orgId: actor.orgId,
    type: 'release.activated',
    data: {
      project_id: project.id,
      project_ref: project.ref,
      release_id: release.id,
      version: `v${release.number}`,
      previous_version: previous,
    },
  });
  return { activationId, previousVersion: previous };
}

/** Throws `KartaError` for a release that must not or cannot run any more. */
export function requireUsable(release: ActivatedRelease): void {
  const version = `v${release.number}`;
  if (release.revoked_at !== null) {
    throw new KartaError('release_revoked', `${version} was revoked; choose another release.`);
  }
  if (release.expired_at !== null) {
    throw new KartaError('release_expired', `The files of ${version} are no longer kept.`);
  }
}

async function versionOf(tx: Tx, releaseId: string | null): Promise<string | null> {
  if (releaseId === null) return null;
  const row = await tx
    .selectFrom('releases')
    .select('number')
    .where('id', '=', releaseId)
    .executeTakeFirst();
  return row === undefined ? null : `v${row.number}`;
}
