import { KartaError, type ReleaseView } from '@karta/protocol';
import type { OrgActor } from '../http/actor.ts';
import { envOfProject } from '../projects/env-of-project.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Tx } from '../sql/database.ts';
import { activate } from './activate.ts';
import { recordRelease } from './record-release.ts';
import { RELEASE_COLUMNS, releaseView } from './release-view.ts';

/**
 * Brings a project's active release up to its values: when one that is no secret differs, the same
 * files with the new values are the next version, and active. `null` when nothing differs. The
 * caller has locked the project. Throws `KartaError('validation_failed')` when the application
 * cannot run with the values that there are.
 */
export async function releaseWithEnv(
  tx: Tx,
  actor: OrgActor,
  project: ProjectRow,
): Promise<ReleaseView | null> {
  if (project.active_release_id === null) return null;
  const active = await tx
    .selectFrom('releases')
    .selectAll()
    .where('id', '=', project.active_release_id)
    .executeTakeFirstOrThrow();
  const values = await envOfProject(tx, project.id);
  const env: Record<string, string> = {};
  for (const { name, secret, required } of active.declared_env) {
    const value = values.plain[name];
    const stored = value !== undefined || values.secret.includes(name);
    if (required && !stored) throw unfit(name, 'is required by the active release');
    if (!secret && values.secret.includes(name)) {
      throw unfit(name, 'is no secret to the active release, and would enter its sandboxes');
    }
    if (!secret && value !== undefined) env[name] = value;
  }
  const config = { ...active.config, env };
  const { release } = await recordRelease(tx, actor, project, {
    content_digest: active.content_digest,
    digest: active.digest,
    image_blob: active.image_blob,
    image_bytes: Number(active.image_bytes),
    source_digest: active.source_digest,
    harness_id: active.harness_id,
    harness_version: active.harness_version,
    declared_env: active.declared_env,
    agents: active.agents,
    skills: active.skills,
    warnings: active.warnings,
    files: active.files,
    config,
  });
  const done = await activate(tx, actor, project, release, 'env');
  if (done === null) return null;
  const row = await tx
    .selectFrom('releases')
    .select(RELEASE_COLUMNS)
    .where('id', '=', release.id)
    .executeTakeFirstOrThrow();
  return releaseView(row, release.id);
}

function unfit(name: string, why: string): KartaError {
  return new KartaError('validation_failed', `${name} ${why}.`, {
    extra: { errors: [{ pointer: '', parameter: 'name', message: why }] },
  });
}
