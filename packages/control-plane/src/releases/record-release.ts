import { type BuildLine, newId } from '@karta/protocol';
import type { OrgActor } from '../http/actor.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Tx } from '../sql/database.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import { requireUsable } from './activate.ts';
import { releaseIdentity } from './identity.ts';
import { keepRelease } from './retire-releases.ts';
import type { ReleaseRow } from './tables.ts';

export type Built = Extract<BuildLine, { kind: 'built' }>;

/** A built application with its image in the blob store. */
export interface BuiltRelease {
  built: Built;
  sourceDigest: string;
  image: { digest: string; bytes: number };
}

/** What a release is made of besides its number: so much is shared by a change of its env. */
export type ReleaseContent = Pick<
  ReleaseRow,
  | 'content_digest'
  | 'digest'
  | 'image_blob'
  | 'harness_id'
  | 'harness_version'
  | 'source_digest'
  | 'config'
  | 'declared_env'
  | 'agents'
  | 'skills'
  | 'warnings'
  | 'files'
> & { image_bytes: number };

export function contentOf({ built, sourceDigest, image }: BuiltRelease): ReleaseContent {
  return {
    content_digest: built.content_digest,
    digest: built.digest,
    image_blob: image.digest,
    image_bytes: image.bytes,
    source_digest: sourceDigest,
    harness_id: built.harness.id,
    harness_version: built.harness.version,
    config: built.config,
    declared_env: built.declared_env,
    agents: built.agents,
    skills: built.skills,
    warnings: built.warnings,
    files: built.files,
  };
}

type Recorded = Pick<ReleaseRow, 'id' | 'number' | 'revoked_at' | 'expired_at' | 'digest'>;

/**
 * Records a release of a project, whose row the caller has locked: the next version, or the one
 * that has been this very release all along. One whose files were removed has them again. Throws
 * `KartaError('release_revoked')` when it was revoked.
 */
export async function recordRelease(
  tx: Tx,
  actor: OrgActor,
  project: Pick<ProjectRow, 'id' | 'ref'>,
  content: ReleaseContent,
): Promise<{ release: Recorded; created: boolean }> {
  const identity = releaseIdentity({
    content_digest: content.content_digest,
    harness: { id: content.harness_id, version: content.harness_version },
    config: content.config,
  });
  const same = await tx
    .selectFrom('releases')
    .select(['id', 'number', 'revoked_at', 'expired_at', 'digest'])
    .where('project_id', '=', project.id)
    .where('identity', '=', identity)
    .executeTakeFirst();
  if (same !== undefined) return { release: await revived(tx, same, content), created: false };
  const { next_version } = await tx
    .updateTable('projects')
    .set((eb) => ({ next_version: eb('next_version', '+', 1) }))
    .where('id', '=', project.id)
    .returning('next_version')
    .executeTakeFirstOrThrow();
  const release: Recorded = {
    id: newId('release'),
    number: next_version - 1,
    digest: content.digest,
    revoked_at: null,
    expired_at: null,
  };
  await tx
    .insertInto('releases')
    .values({
      ...content,
      ...release,
      config: JSON.stringify(content.config),
      declared_env: JSON.stringify(content.declared_env),
      agents: JSON.stringify(content.agents),
      skills: JSON.stringify(content.skills),
      warnings: JSON.stringify(content.warnings),
      files: JSON.stringify(content.files),
      identity,
      org_id: actor.orgId,
      project_id: project.id,
      by_kind: actor.kind,
      by_id: actor.id,
      by_label: actor.label,
      created_at: new Date(),
      revision: await nextRevision(tx),
    })
    .execute();
  await emitWebhook(tx, {
    orgId: actor.orgId,
    type: 'release.created',
    data: {
      project_id: project.id,
      project_ref: project.ref,
      release_id: release.id,
      version: `v${release.number}`,
      digest: content.content_digest,
    },
  });
  return { release, created: true };
}

async function revived(tx: Tx, same: Recorded, content: ReleaseContent): Promise<Recorded> {
  requireUsable({ ...same, expired_at: null });
  if (same.expired_at === null) {
    await keepRelease(tx, same.id);
    return same;
  }
  // Setup may have made other files of the same content this time.
  await tx
    .updateTable('releases')
    .set({
      expired_at: null,
      digest: content.digest,
      image_blob: content.image_blob,
      image_bytes: content.image_bytes,
      source_digest: content.source_digest,
      files: JSON.stringify(content.files),
      revision: await nextRevision(tx),
    })
    .where('id', '=', same.id)
    .execute();
  return { ...same, expired_at: null, digest: content.digest };
}
