import {
  type ActivationView,
  isoTime,
  KartaError,
  type PreviewView,
  type ReleaseDiff,
  type ReleaseView,
} from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { OrgActor } from '../http/actor.ts';
import { findProject } from '../projects/find-project.ts';
import type { ProjectUrl } from '../projects/project-url.ts';
import type { ProjectRow } from '../projects/tables.ts';
import type { Database, Tx } from '../sql/database.ts';
import { activate, requireUsable } from './activate.ts';
import type { Page } from './build-view.ts';
import { diffReleases } from './diff.ts';
import { insertPreview, previewView } from './previews.ts';
import { RELEASE_COLUMNS, releaseView } from './release-view.ts';
import { revoke } from './revoke.ts';
import type { ReleaseRow } from './tables.ts';

/**
 * Releases of an org's projects. Every method throws `KartaError('not_found')` for a ref or version
 * that the org does not have.
 */
export interface Releases {
  /** Newest first. */
  list(orgId: string, ref: string, page: Page): Promise<ReleaseView[]>;
  get(orgId: string, ref: string, version: string): Promise<ReleaseView>;
  /** Against an earlier version, by default the one before. */
  diff(orgId: string, ref: string, version: string, against?: string): Promise<ReleaseDiff>;
  /** Throws `KartaError`: `release_revoked`, `release_expired`. */
  activate(actor: OrgActor, ref: string, version: string): Promise<ActivationView>;
  /** To a version, or to the one that was active before. */
  rollback(actor: OrgActor, ref: string, to?: string): Promise<ActivationView>;
  activations(orgId: string, ref: string, page: Page): Promise<ActivationView[]>;
  /** Ends the sessions of a release; the one that was active before it takes its place. */
  revoke(actor: OrgActor, ref: string, version: string): Promise<ReleaseView>;
  previews(orgId: string, ref: string): Promise<PreviewView[]>;
  preview(actor: OrgActor, ref: string, version: string): Promise<PreviewView>;
}

export interface ReleasesParts {
  database: Database;
  urlOf: ProjectUrl;
  /** Tells the nodes of a change and resolves when they have heard of it, or soon after. */
  synced(): Promise<void>;
}

export function createReleases(parts: ReleasesParts): Releases {
  const { database, synced, urlOf } = parts;

  async function get(orgId: string, ref: string, version: string): Promise<ReleaseView> {
    const project = await findProject(database, orgId, ref);
    const row = await database
      .selectFrom('releases')
      .select(RELEASE_COLUMNS)
      .where('project_id', '=', project.id)
      .where('number', '=', numberOf(version))
      .executeTakeFirst();
    if (row === undefined) throw new KartaError('not_found', `There is no release ${version}.`);
    return releaseView(row, project.active_release_id);
  }

  /** Points the project at what `choose` finds, and tells what happened. */
  async function point(
    actor: OrgActor,
    ref: string,
    reason: 'activate' | 'rollback',
    choose: (tx: Tx, project: ProjectRow) => Promise<ReleaseRow>,
  ): Promise<ActivationView> {
    const projectId = await database.transaction().execute(async (tx) => {
      const project = await findProject(tx, actor.orgId, ref, 'for update');
      const release = await choose(tx, project);
      const done = await activate(tx, actor, project, release, reason);
      if (done !== null) {
        await recordAudit(tx, {
          actor,
          action: `releases.${reason}`,
          target: { kind: 'release', id: release.id },
          details: { project: ref, version: `v${release.number}`, previous: done.previousVersion },
        });
      }
      return project.id;
    });
    await synced();
    const [newest] = await activationsOf(projectId, { limit: 1 });
    if (newest === undefined) throw new Error(`no activation of ${projectId}`);
    return newest;
  }

  async function activationsOf(projectId: string, page: Page): Promise<ActivationView[]> {
    let query = database
      .selectFrom('activations')
      .innerJoin('releases', 'releases.id', 'activations.release_id')
      .leftJoin('releases as previous', 'previous.id', 'activations.previous_release_id')
      .where('activations.project_id', '=', projectId)
      .selectAll('activations')
      .select(['releases.number', 'previous.number as previous_number'])
      .orderBy('activations.at', 'desc')
      .orderBy('activations.id', 'desc')
      .limit(page.limit);
    if (page.cursor !== undefined) {
      const { cursor } = page;
      query = query.where(({ eb, refTuple, selectFrom }) =>
        eb(
          refTuple('activations.at', 'activations.id'),
          '<',
          selectFrom('activations as last')
            .select(['last.at', 'last.id'])
            .where('last.id', '=', cursor)
            .$asTuple('at', 'id'),
        ),
      );
    }
    const rows = await query.execute();
    return rows.map((row) => ({
      id: row.id,
      version: `v${row.number}`,
      release_id: row.release_id,
      previous_version: row.previous_number === null ? null : `v${row.previous_number}`,
      reason: row.reason,
      by: { kind: row.by_kind, id: row.by_id, label: row.by_label },
      at: isoTime(row.at),
    }));
  }

  return {
    get,
    async list(orgId, ref, page) {
      const project = await findProject(database, orgId, ref);
      let query = database
        .selectFrom('releases')
        .select(RELEASE_COLUMNS)
        .where('project_id', '=', project.id)
        .orderBy('number', 'desc')
        .limit(page.limit);
      if (page.cursor !== undefined) query = query.where('number', '<', numberOf(page.cursor));
      const rows = await query.execute();
      return rows.map((row) => releaseView(row, project.active_release_id));
    },
    async diff(orgId, ref, version, against) {
      const project = await findProject(database, orgId, ref);
      const to = await releaseOf(database, project, version);
      const from =
        against === undefined
          ? await releaseBefore(database, project, to)
          : await releaseOf(database, project, against);
      return diffReleases(from, to);
    },
    activate: (actor, ref, version) =>
      point(actor, ref, 'activate', (tx, project) => releaseOf(tx, project, version)),
    rollback: (actor, ref, to) =>
      point(actor, ref, 'rollback', (tx, project) =>
        to === undefined ? releaseToReturnTo(tx, project) : releaseOf(tx, project, to),
      ),
    async activations(orgId, ref, page) {
      const project = await findProject(database, orgId, ref);
      return activationsOf(project.id, page);
    },
    async revoke(actor, ref, version) {
      await database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref, 'for update');
        const release = await releaseOf(tx, project, version);
        await revoke(tx, actor, project, release);
      });
      await synced();
      return get(actor.orgId, ref, version);
    },
    async previews(orgId, ref) {
      const project = await findProject(database, orgId, ref);
      const rows = await database
        .selectFrom('previews')
        .innerJoin('releases', 'releases.id', 'previews.release_id')
        .innerJoin('orgs', 'orgs.id', 'previews.org_id')
        .where('previews.project_id', '=', project.id)
        .where('previews.expires_at', '>', new Date())
        .selectAll('previews')
        .select(['releases.number', 'orgs.slug'])
        .orderBy('previews.created_at', 'desc')
        .execute();
      return rows.map((row) => previewView(row, urlOf));
    },
    async preview(actor, ref, version) {
      const made = await database.transaction().execute(async (tx) => {
        const project = await findProject(tx, actor.orgId, ref, 'for update');
        const release = await releaseOf(tx, project, version);
        const preview = await insertPreview(tx, actor, project, release);
        await recordAudit(tx, {
          actor,
          action: 'releases.preview',
          target: { kind: 'release', id: release.id },
          details: { project: ref, version, preview: preview.ref },
        });
        const { slug } = await tx
          .selectFrom('orgs')
          .select('slug')
          .where('id', '=', actor.orgId)
          .executeTakeFirstOrThrow();
        return { ...preview, number: release.number, slug };
      });
      await synced();
      return previewView(made, urlOf);
    },
  };
}

function numberOf(version: string): number {
  const match = /^v([1-9]\d{0,8})$/.exec(version);
  if (match === null) {
    throw new KartaError('not_found', `"${version.slice(0, 40)}" is no version: write v1, v2, ….`);
  }
  return Number(match[1]);
}

async function releaseOf(
  from: Database | Tx,
  project: Pick<ProjectRow, 'id'>,
  version: string,
): Promise<ReleaseRow> {
  const row = await from
    .selectFrom('releases')
    .selectAll()
    .where('project_id', '=', project.id)
    .where('number', '=', numberOf(version))
    .executeTakeFirst();
  if (row === undefined) throw new KartaError('not_found', `There is no release ${version}.`);
  return row;
}

async function releaseBefore(
  from: Database,
  project: Pick<ProjectRow, 'id'>,
  release: Pick<ReleaseRow, 'number'>,
): Promise<ReleaseRow> {
  const row = await from
    .selectFrom('releases')
    .selectAll()
    .where('project_id', '=', project.id)
    .where('number', '<', release.number)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) throw new KartaError('not_found', 'There is no earlier release.');
  return row;
}

/**
 * The release that was active before the one that is, and still may be. Throws
 * `KartaError('not_found')` when there is none.
 */
export async function releaseToReturnTo(tx: Tx, project: ProjectRow): Promise<ReleaseRow> {
  const row = await tx
    .selectFrom('activations')
    .innerJoin('releases', 'releases.id', 'activations.release_id')
    .where('activations.project_id', '=', project.id)
    .where('activations.release_id', '!=', project.active_release_id ?? '')
    .where('releases.revoked_at', 'is', null)
    .where('releases.expired_at', 'is', null)
    .selectAll('releases')
    .orderBy('activations.at', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row === undefined) {
    throw new KartaError('not_found', 'There is no earlier release to roll back to.');
  }
  requireUsable(row);
  return row;
}
