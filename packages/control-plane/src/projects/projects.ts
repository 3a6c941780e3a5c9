import {
  type CreateProjectBody,
  isoTime,
  KartaError,
  newId,
  type PatchProjectBody,
  type ProjectView,
} from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import type { Database, Tx } from '../sql/database.ts';
import { violates } from '../sql/violation.ts';
import { nextRevision } from '../sync/catalog-version.ts';
import { setDefaultProject } from './default-project.ts';
import { findProject } from './find-project.ts';
import { requireOwnHost } from './host-label.ts';
import type { ProjectUrl } from './project-url.ts';
import type { ProjectRow } from './tables.ts';

/** Projects of an org. Every method throws `KartaError('not_found')` for a ref it does not have. */
export interface Projects {
  /** `KartaError('already_exists')` when the org has one of that ref. */
  create(actor: OrgActor, body: CreateProjectBody): Promise<ProjectView>;
  /** By ref. */
  list(orgId: string): Promise<ProjectView[]>;
  get(orgId: string, ref: string): Promise<ProjectView>;
  change(actor: OrgActor, ref: string, body: PatchProjectBody): Promise<ProjectView>;
  /** Its sessions end, its ref is free again; releases and usage stay on record. */
  remove(actor: OrgActor, ref: string): Promise<void>;
}

export interface ProjectsParts {
  database: Database;
  urlOf: ProjectUrl;
  /** Tells the nodes that something has changed. */
  changed(): void;
}

export function createProjects(parts: ProjectsParts): Projects {
  const { database, changed } = parts;

  async function views(orgId: string, ref?: string): Promise<ProjectView[]> {
    let query = database
      .selectFrom('projects')
      .innerJoin('orgs', 'orgs.id', 'projects.org_id')
      .leftJoin('releases', 'releases.id', 'projects.active_release_id')
      .where('projects.org_id', '=', orgId)
      .where('projects.deleted_at', 'is', null)
      .selectAll('projects')
      .select(['orgs.slug', 'orgs.default_project_id', 'releases.number as active_number'])
      .orderBy('projects.ref');
    if (ref !== undefined) query = query.where('projects.ref', '=', ref);
    const rows = await query.execute();
    return rows.map((row) => ({
      id: row.id,
      ref: row.ref,
      url: parts.urlOf(row.slug, row.ref),
      default: row.default_project_id === row.id,
      active_release:
        row.active_release_id === null
          ? null
          : { id: row.active_release_id, version: `v${row.active_number}` },
      allowed_origins: row.allowed_origins,
      created_at: isoTime(row.created_at),
    }));
  }

  async function get(orgId: string, ref: string): Promise<ProjectView> {
    const [found] = await views(orgId, ref);
    if (found === undefined) throw new KartaError('not_found');
    return found;
  }

  return {
    get,
    list: (orgId) => views(orgId),
    async create(actor, body) {
      await database
        .transaction()
        .execute((tx) => insertProject(tx, actor, body))
        .catch((error: unknown) => {
          if (!violates(error, 'projects_ref')) throw error;
          throw new KartaError('already_exists', `There is a project "${body.ref}" already.`);
        });
      changed();
      return get(actor.orgId, body.ref);
    },
    async change(actor, ref, body) {
      await database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref, 'for update');
        if (body.allowed_origins !== undefined) {
          const revision = await nextRevision(tx);
          await tx
            .updateTable('projects')
            .set({ allowed_origins: body.allowed_origins, revision })
            .where('id', '=', project.id)
            .execute();
        }
        if (body.default === true) await setDefaultProject(tx, actor.orgId, project.id);
        await recordAudit(tx, {
          actor,
          action: 'projects.update',
          target: { kind: 'project', id: project.id },
          details: { ref, ...body },
        });
      });
      changed();
      return get(actor.orgId, ref);
    },
    async remove(actor, ref) {
      await database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref, 'for update');
        const revision = await nextRevision(tx);
        await tx
          .updateTable('projects')
          .set({ deleted_at: new Date(), active_release_id: null, revision })
          .where('id', '=', project.id)
          .execute();
        await tx
          .updateTable('orgs')
          .set({ default_project_id: null })
          .where('id', '=', actor.orgId)
          .where('default_project_id', '=', project.id)
          .execute();
        await recordAudit(tx, {
          actor,
          action: 'projects.delete',
          target: { kind: 'project', id: project.id },
          details: { ref },
        });
      });
      changed();
    },
  };
}

/**
 * Adds a project with its audit row. Rejects when the org has one of that ref; throws
 * `KartaError('validation_failed')` when it cannot have a host of its own.
 */
export async function insertProject(
  tx: Tx,
  actor: OrgActor,
  body: CreateProjectBody,
): Promise<ProjectRow> {
  // First: it is what has projects be added one after the other.
  const revision = await nextRevision(tx);
  await requireOwnHost(tx, actor.orgId, body.ref);
  const row = await tx
    .insertInto('projects')
    .values({
      id: newId('project'),
      org_id: actor.orgId,
      ref: body.ref,
      active_release_id: null,
      allowed_origins: body.allowed_origins ?? [],
      created_at: new Date(),
      deleted_at: null,
      revision,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await recordAudit(tx, {
    actor,
    action: 'projects.create',
    target: { kind: 'project', id: row.id },
    details: { ref: body.ref },
  });
  return row;
}
