import { randomBytes } from 'node:crypto';
import { isoTime, newId, type PreviewView } from '@karta/protocol';
import type { OrgActor } from '../http/actor.ts';
import type { ProjectUrl } from '../projects/project-url.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import { type ActivatedRelease, requireUsable } from './activate.ts';
import { keepRelease } from './retire-releases.ts';
import type { PreviewTable } from './tables.ts';

/** How long a preview can be reached, in milliseconds. */
export const PREVIEW_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Gives a release a ref of its own for some days: the project's with two hyphens and a random part,
 * which no project's own ref can have. Throws `KartaError`: `release_revoked`, `release_expired`.
 */
export async function insertPreview(
  tx: Tx,
  actor: OrgActor,
  project: Pick<ProjectRow, 'id' | 'ref'>,
  release: ActivatedRelease,
): Promise<PreviewTable> {
  requireUsable(release);
  await keepRelease(tx, release.id);
  const now = Date.now();
  const row: PreviewTable = {
    id: newId('preview'),
    org_id: actor.orgId,
    project_id: project.id,
    release_id: release.id,
    ref: `${project.ref}--${randomBytes(4).toString('hex')}`,
    created_at: new Date(now),
    expires_at: new Date(now + PREVIEW_MS),
  };
  await tx.insertInto('previews').values(row).execute();
  await tx
    .updateTable('projects')
    .set({ revision: await nextRevision(tx) })
    .where('id', '=', project.id)
    .execute();
  return row;
}

export function previewView(
  row: Pick<PreviewTable, 'ref' | 'created_at' | 'expires_at'> & {
    number: number;
    slug: string;
  },
  urlOf: ProjectUrl,
): PreviewView {
  return {
    ref: row.ref,
    url: urlOf(row.slug, row.ref),
    version: `v${row.number}`,
    created_at: isoTime(row.created_at),
    expires_at: isoTime(row.expires_at),
  };
}
