import { isoTime, type ReleaseView } from '@karta/protocol';
import type { ReleaseRow } from './tables.ts';

/** All columns of a release but the list of its files, which may be long. */
export const RELEASE_COLUMNS = [
  'releases.id',
  'releases.org_id',
  'releases.project_id',
  'releases.number',
  'releases.content_digest',
  'releases.harness_id',
  'releases.harness_version',
  'releases.config',
  'releases.declared_env',
  'releases.agents',
  'releases.skills',
  'releases.warnings',
  'releases.image_bytes',
  'releases.by_kind',
  'releases.by_id',
  'releases.by_label',
  'releases.created_at',
  'releases.revoked_at',
  'releases.expired_at',
] as const;

type Shown = (typeof RELEASE_COLUMNS)[number] extends `releases.${infer Column}` ? Column : never;
/** A release as the lists select it. */
export type ListedRelease = Pick<ReleaseRow, Shown & keyof ReleaseRow>;

export function releaseView(row: ListedRelease, activeReleaseId: string | null): ReleaseView {
  return {
    id: row.id,
    project_id: row.project_id,
    version: `v${row.number}`,
    digest: row.content_digest,
    harness: { id: row.harness_id, version: row.harness_version },
    agents: row.agents,
    skills: row.skills,
    env: row.config.env,
    warnings: row.warnings,
    active: row.id === activeReleaseId,
    image_bytes: Number(row.image_bytes),
    created_at: isoTime(row.created_at),
    created_by: { kind: row.by_kind, id: row.by_id, label: row.by_label },
    revoked_at: row.revoked_at === null ? null : isoTime(row.revoked_at),
    expired_at: row.expired_at === null ? null : isoTime(row.expired_at),
  };
}
