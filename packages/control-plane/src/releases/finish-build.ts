import { KartaError, type ReleaseProblem } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Database, Tx } from '../sql/database.ts';
import { emitWebhook } from '../webhooks/emit-webhook.ts';
import { activate } from './activate.ts';
import { insertPreview } from './previews.ts';
import { type Built, contentOf, recordRelease } from './record-release.ts';
import type { BuildRow } from './tables.ts';

/**
 * Makes a release of a build that went well and, as it was asked for, activates it or gives it a
 * preview: all of it, with its audit rows, or nothing. Throws `KartaError('release_revoked')` when
 * this very content was revoked.
 */
export async function finishBuild(
  database: Database,
  build: BuildRow,
  built: Built,
): Promise<void> {
  await database.transaction().execute(async (tx) => {
    const project = await lockProject(tx, build.project_id);
    const row = await lockRunning(tx, build.id);
    if (row.image_blob === null || row.image_bytes === null) {
      throw new Error('the node brought no image');
    }
    const actor = actorOf(build);
    const { release, created } = await recordRelease(
      tx,
      actor,
      project,
      contentOf({
        built,
        sourceDigest: build.source_digest,
        image: { digest: row.image_blob, bytes: Number(row.image_bytes) },
      }),
    );
    const problems: ReleaseProblem[] = [...built.warnings];
    let activated = false;
    if (build.activate) {
      if (await isSuperseded(tx, build)) problems.push(superseded(release.number));
      else activated = (await activate(tx, actor, project, release, 'publish')) !== null;
    }
    const preview = build.preview ? await insertPreview(tx, actor, project, release) : null;
    await tx
      .updateTable('builds')
      .set({
        status: 'succeeded',
        finished_at: new Date(),
        grant_digest: null,
        problems: JSON.stringify(problems),
        release_id: release.id,
        release_created: created,
        preview_id: preview?.id ?? null,
      })
      .where('id', '=', build.id)
      .execute();
    await recordAudit(tx, {
      actor,
      action: 'releases.publish',
      target: { kind: 'release', id: release.id },
      details: {
        project: project.ref,
        version: `v${release.number}`,
        build: build.id,
        kind: build.kind,
        digest: built.content_digest,
        created,
        activated,
        preview: preview?.ref ?? null,
        exposed_secrets: built.config.secrets
          .filter(({ expose }) => expose)
          .map(({ name }) => name),
      },
    });
  });
}

/** Ends a build that came to nothing. What runs stays as it is. */
export async function failBuild(
  database: Database,
  build: BuildRow,
  problems: readonly ReleaseProblem[],
): Promise<void> {
  await database.transaction().execute(async (tx) => {
    const project = await lockProject(tx, build.project_id);
    await tx
      .updateTable('builds')
      .set({
        status: 'failed',
        finished_at: new Date(),
        grant_digest: null,
        problems: JSON.stringify(problems),
      })
      .where('id', '=', build.id)
      .execute();
    await emitWebhook(tx, {
      orgId: build.org_id,
      type: 'release.failed',
      data: { project_id: project.id, project_ref: project.ref, build_id: build.id },
    });
    await recordAudit(tx, {
      actor: actorOf(build),
      action: 'releases.publish_failed',
      target: { kind: 'build', id: build.id },
      details: { project: project.ref, kind: build.kind },
    });
  });
}

export function actorOf(build: BuildRow): OrgActor {
  return {
    kind: build.by_kind,
    id: build.by_id,
    orgId: build.org_id,
    label: build.by_label,
  };
}

async function lockProject(tx: Tx, id: string): Promise<ProjectRow> {
  return tx
    .selectFrom('projects')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

/** A build that is no longer running has been ended by somebody else: its result counts no more. */
async function lockRunning(tx: Tx, id: string): Promise<BuildRow> {
  const row = await tx
    .selectFrom('builds')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirstOrThrow();
  if (row.status !== 'running') throw new KartaError('internal', 'the build was ended meanwhile');
  return row;
}

/** Whether a publish that was begun after this one has been activated already. */
async function isSuperseded(tx: Tx, build: BuildRow): Promise<boolean> {
  const newer = await tx
    .selectFrom('builds')
    .select('id')
    .where('project_id', '=', build.project_id)
    .where('status', '=', 'succeeded')
    .where('activate', '=', true)
    .where('created_at', '>', build.created_at)
    .limit(1)
    .executeTakeFirst();
  return newer !== undefined;
}

function superseded(number: number): ReleaseProblem {
  return {
    severity: 'warning',
    file: '',
    line: 0,
    message: `v${number} was not activated: a publish that was begun later is active already`,
  };
}
