import { type BuildView, KartaError, LIMITS, newId, projectRef } from '@karta/protocol';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { OrgActor } from '../http/actor.ts';
import type { ProjectUrl } from '../projects/project-url.ts';
import { insertProject } from '../projects/projects.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Database, Tx } from '../sql/database.ts';
import { violates } from '../sql/violation.ts';
import { buildView } from './build-view.ts';
import type { BuildTable } from './tables.ts';

/** Builds of one org that may wait or run. */
const MAX_WAITING = 20;

export interface PublishOptions {
  kind: BuildTable['kind'];
  activate: boolean;
  preview: boolean;
}

export interface PublishesParts {
  database: Database;
  blobs: BlobStore;
  urlOf: ProjectUrl;
  /** There is a build to do. */
  queued(): void;
}

/** Takes archives in. What is in one is for a builder sandbox to find out. */
export interface Publishes {
  /**
   * Stores an archive and queues its build; a project that is absent is made. Throws `KartaError`:
   * `validation_failed` for a ref that cannot be, `payload_too_large`, `invalid_request` when the
   * upload breaks off, `rate_limited` when too much of the org waits.
   */
  publish(
    actor: OrgActor,
    ref: string,
    archive: AsyncIterable<Uint8Array>,
    options: PublishOptions,
  ): Promise<BuildView>;
}

export function createPublishes(parts: PublishesParts): Publishes {
  const { database, blobs } = parts;
  return {
    async publish(actor, ref, archive, options) {
      requireRef(ref);
      const source = await blobs.put(archive, { maxBytes: LIMITS.archiveBytes });
      const insert = () =>
        database.transaction().execute(async (tx) => {
          await requireRoom(tx, actor.orgId);
          const project = await projectOf(tx, actor, ref);
          const id = newId('build');
          await tx
            .insertInto('builds')
            .values({
              id,
              org_id: actor.orgId,
              project_id: project.id,
              kind: options.kind,
              status: 'queued',
              source_digest: source.digest,
              source_bytes: source.bytes,
              activate: options.activate && !options.preview,
              preview: options.preview,
              by_kind: actor.kind,
              by_id: actor.id,
              by_label: actor.label,
              created_at: new Date(),
            })
            .execute();
          return id;
        });
      const id = await insert().catch((error: unknown) => {
        // Two first publishes at once: the project is there by now.
        if (violates(error, 'projects_ref')) return insert();
        throw error;
      });
      parts.queued();
      return buildView(database, parts, { orgId: actor.orgId, ref, buildId: id });
    },
  };
}

function requireRef(ref: string): void {
  const parsed = projectRef.safeParse(ref);
  if (parsed.success) return;
  const message = parsed.error.issues[0]?.message ?? 'is no ref';
  throw new KartaError('validation_failed', `The project's ref "${ref.slice(0, 80)}" ${message}.`, {
    extra: { errors: [{ pointer: '', parameter: 'ref', message }] },
  });
}

async function requireRoom(tx: Tx, orgId: string): Promise<void> {
  const { waiting } = await tx
    .selectFrom('builds')
    .select((eb) => eb.fn.countAll<string>().as('waiting'))
    .where('org_id', '=', orgId)
    .where('status', 'in', ['queued', 'running'])
    .executeTakeFirstOrThrow();
  if (Number(waiting) < MAX_WAITING) return;
  throw new KartaError('rate_limited', `${waiting} builds of this org wait already.`, {
    retryAfter: 10,
  });
}

async function projectOf(tx: Tx, actor: OrgActor, ref: string): Promise<Pick<ProjectRow, 'id'>> {
  const known = await tx
    .selectFrom('projects')
    .select('id')
    .where('org_id', '=', actor.orgId)
    .where('ref', '=', ref)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return known ?? insertProject(tx, actor, { ref, allowed_origins: [] });
}
