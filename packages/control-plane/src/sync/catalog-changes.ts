import {
  type Denial,
  isoTime,
  PLANE_PROTOCOL,
  type ProjectRecord,
  type ReleaseRecord,
  type SyncBody,
} from '@karta/protocol';
import { sql } from 'kysely';
import { rateLimitsSince } from '../rate-limits/limits-of-orgs.ts';
import type { ReleaseRow } from '../releases/tables.ts';
import type { Database, Tx } from '../sql/database.ts';

/**
 * What has changed in the catalog after number `since`, up to the newest; everything that counts
 * when `since` is `null`. Read as of one moment.
 */
export async function catalogChanges(
  database: Database,
  since: number | null,
  told: {
    tokenKeys: SyncBody['token_keys'];
    nodes: number;
    staffOrigins?: readonly string[];
  },
): Promise<SyncBody> {
  return database
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (tx) => {
      const { version } = await tx
        .selectFrom('catalog_version')
        .select('version')
        .executeTakeFirstOrThrow();
      // Mostly a beat: there is nothing to look for.
      const news = since !== Number(version);
      return {
        protocol: PLANE_PROTOCOL,
        since: since ?? 0,
        version: Number(version),
        complete: since === null,
        projects: news ? await projectsSince(tx, since) : [],
        releases: news ? await releasesSince(tx, since) : [],
        denials: news ? await denialsSince(tx, since) : [],
        rate_limits: news ? await rateLimitsSince(tx, since) : [],
        nodes: told.nodes,
        staff_origins: [...(told.staffOrigins ?? [])],
        token_keys: told.tokenKeys,
      };
    });
}

async function projectsSince(tx: Tx, since: number | null): Promise<ProjectRecord[]> {
  let query = tx
    .selectFrom('projects')
    .innerJoin('orgs', 'orgs.id', 'projects.org_id')
    .selectAll('projects')
    .select(['orgs.slug', 'orgs.default_project_id'])
    .select((eb) =>
      eb
        .selectFrom('embed_keys')
        .whereRef('embed_keys.project_id', '=', 'projects.id')
        .where('embed_keys.revoked_at', 'is', null)
        .select(
          sql<string[]>`coalesce(array_agg(array_to_string(allowed_origins, ' ')), '{}')`.as('o'),
        )
        .as('embed_origins'),
    );
  query =
    since === null
      ? query.where('projects.deleted_at', 'is', null)
      : query.where('projects.revision', '>', String(since));
  const rows = await query.execute();
  if (rows.length === 0) return [];
  const previews = await tx
    .selectFrom('previews')
    .select(['project_id', 'ref', 'release_id', 'expires_at'])
    .where(
      'project_id',
      'in',
      rows.map(({ id }) => id),
    )
    .where('expires_at', '>', new Date())
    .execute();
  return rows.map((row) => ({
    id: row.id,
    org_id: row.org_id,
    org_slug: row.slug,
    ref: row.ref,
    active_release_id: row.active_release_id,
    allowed_origins: row.allowed_origins,
    embed_origins: [...new Set((row.embed_origins ?? []).flatMap((some) => some.split(' ')))],
    is_default: row.default_project_id === row.id,
    previews: previews
      .filter(({ project_id }) => project_id === row.id)
      .map(({ ref, release_id, expires_at }) => ({
        ref,
        release_id,
        expires_at: isoTime(expires_at),
      })),
    deleted: row.deleted_at !== null,
  }));
}

async function releasesSince(tx: Tx, since: number | null): Promise<ReleaseRecord[]> {
  let query = tx
    .selectFrom('releases')
    .innerJoin('projects', 'projects.id', 'releases.project_id')
    .select([
      'releases.id',
      'releases.org_id',
      'releases.project_id',
      'releases.number',
      'releases.digest',
      'releases.harness_id',
      'releases.harness_version',
      'releases.config',
      'releases.created_at',
      'releases.revoked_at',
      'releases.retiring_at',
      'releases.expired_at',
    ]);
  query =
    since === null
      ? query.where('releases.expired_at', 'is', null).where('projects.deleted_at', 'is', null)
      : query.where('releases.revision', '>', String(since));
  const rows = await query.execute();
  return rows.map((row) => ({
    id: row.id,
    org_id: row.org_id,
    project_id: row.project_id,
    version: `v${row.number}`,
    digest: row.digest,
    harness: { id: row.harness_id, version: row.harness_version },
    config: row.config,
    created_at: isoTime(row.created_at),
    revoked_at: row.revoked_at === null ? null : isoTime(row.revoked_at),
    standing: standingOf(row),
  }));
}

function standingOf(
  row: Pick<ReleaseRow, 'retiring_at' | 'expired_at'>,
): ReleaseRecord['standing'] {
  if (row.expired_at !== null) return 'expired';
  return row.retiring_at === null ? 'kept' : 'retiring';
}

/** Those that are over are told as such, since a node may still keep them. */
async function denialsSince(tx: Tx, since: number | null): Promise<Denial[]> {
  let query = tx.selectFrom('denials').select(['kind', 'id', 'issued_before', 'until']);
  query =
    since === null
      ? query.where('until', '>', new Date())
      : query.where('revision', '>', String(since));
  const rows = await query.execute();
  return rows.map((row) => ({
    kind: row.kind,
    id: row.id,
    issued_before: row.issued_before === null ? null : Number(row.issued_before),
    until: Math.floor(row.until.getTime() / 1000),
  }));
}
