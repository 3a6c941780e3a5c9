import { type BuildView, isoTime, KartaError, type PreviewView } from '@karta/protocol';
import type { ProjectUrl } from '../projects/project-url.ts';
import type { Database } from '../sql/database.ts';

/** A page of what an org has of something, newest first. */
export interface Page {
  limit: number;
  /** The id of the last one seen. */
  cursor?: string | undefined;
}

interface Urls {
  urlOf: ProjectUrl;
}

/** Builds of a project as they are shown. */
export async function buildViews(
  database: Database,
  urls: Urls,
  where: { orgId: string; ref: string; buildId?: string },
  page: Page = { limit: 1 },
): Promise<BuildView[]> {
  let query = database
    .selectFrom('builds')
    .innerJoin('projects', 'projects.id', 'builds.project_id')
    .innerJoin('orgs', 'orgs.id', 'builds.org_id')
    .leftJoin('releases', 'releases.id', 'builds.release_id')
    .leftJoin('previews', 'previews.id', 'builds.preview_id')
    .where('builds.org_id', '=', where.orgId)
    .where('projects.ref', '=', where.ref)
    .where('projects.deleted_at', 'is', null)
    .select([
      'builds.id',
      'builds.project_id',
      'builds.status',
      'builds.kind',
      'builds.source_bytes',
      'builds.activate',
      'builds.problems',
      'builds.by_kind',
      'builds.by_id',
      'builds.by_label',
      'builds.created_at',
      'builds.finished_at',
      'builds.release_id',
      'builds.release_created',
      'projects.ref',
      'orgs.slug',
      'releases.number',
      'previews.ref as preview_ref',
      'previews.created_at as preview_created_at',
      'previews.expires_at as preview_expires_at',
    ])
    .orderBy('builds.created_at', 'desc')
    .orderBy('builds.id', 'desc')
    .limit(page.limit);
  if (where.buildId !== undefined) query = query.where('builds.id', '=', where.buildId);
  if (page.cursor !== undefined) {
    const { cursor } = page;
    query = query.where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('builds.created_at', 'builds.id'),
        '<',
        selectFrom('builds as last')
          .select(['last.created_at', 'last.id'])
          .where('last.id', '=', cursor)
          .$asTuple('created_at', 'id'),
      ),
    );
  }
  const rows = await query.execute();
  return rows.map((row) => {
    const version = `v${row.number}`;
    const preview: PreviewView | null =
      row.preview_ref === null || row.preview_created_at === null || row.preview_expires_at === null
        ? null
        : {
            ref: row.preview_ref,
            url: urls.urlOf(row.slug, row.preview_ref),
            version,
            created_at: isoTime(row.preview_created_at),
            expires_at: isoTime(row.preview_expires_at),
          };
    return {
      id: row.id,
      project_id: row.project_id,
      project_ref: row.ref,
      status: row.status,
      kind: row.kind,
      source_bytes: Number(row.source_bytes),
      activate: row.activate,
      created_at: isoTime(row.created_at),
      created_by: { kind: row.by_kind, id: row.by_id, label: row.by_label },
      finished_at: row.finished_at === null ? null : isoTime(row.finished_at),
      problems: row.problems,
      release:
        row.release_id === null
          ? null
          : { id: row.release_id, version, created: row.release_created ?? false },
      preview,
      url: urls.urlOf(row.slug, row.ref),
    };
  });
}

/** One build. Throws `KartaError('not_found')`. */
export async function buildView(
  database: Database,
  urls: Urls,
  where: { orgId: string; ref: string; buildId: string },
): Promise<BuildView> {
  const [found] = await buildViews(database, urls, where);
  if (found === undefined) throw new KartaError('not_found');
  return found;
}
