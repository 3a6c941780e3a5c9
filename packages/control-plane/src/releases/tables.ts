import type { BuildLine, ReleaseProblem, ReleaseRecord } from '@karta/protocol';
import type { ColumnType, JSONColumnType, Selectable } from 'kysely';

type Built = Extract<BuildLine, { kind: 'built' }>;
/** 64-bit numbers come as strings; those here are sizes and counters far below 2^53. */
type Int8 = ColumnType<string, number | string, number | string>;
type Author = { by_kind: 'person' | 'api_key'; by_id: string; by_label: string };

export interface ReleasesTables {
  builds: BuildTable;
  build_log: BuildLogTable;
  releases: ReleaseTable;
  activations: ActivationTable;
  previews: PreviewTable;
}

export interface BuildTable extends Author {
  id: string;
  org_id: string;
  project_id: string;
  kind: 'upload' | 'git';
  status: 'queued' | 'running' | 'succeeded' | 'failed';
  source_digest: string;
  source_bytes: Int8;
  activate: boolean;
  preview: boolean;
  grant_digest: string | null;
  problems: JSONColumnType<ReleaseProblem[], string | undefined, string>;
  image_blob: string | null;
  image_bytes: ColumnType<string | null, number | null, number | null>;
  release_id: string | null;
  release_created: boolean | null;
  preview_id: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}
export type BuildRow = Selectable<BuildTable>;

export interface BuildLogTable {
  build_id: string;
  line: number;
  at: Date;
  text: string;
}

export interface ReleaseTable extends Author {
  id: string;
  org_id: string;
  project_id: string;
  number: number;
  identity: string;
  content_digest: string;
  digest: string;
  image_blob: string;
  image_bytes: Int8;
  source_digest: string;
  harness_id: string;
  harness_version: string;
  config: JSONColumnType<ReleaseRecord['config']>;
  declared_env: JSONColumnType<Built['declared_env']>;
  agents: JSONColumnType<string[]>;
  skills: JSONColumnType<string[]>;
  warnings: JSONColumnType<ReleaseProblem[]>;
  files: JSONColumnType<Built['files']>;
  created_at: Date;
  revoked_at: Date | null;
  expired_at: Date | null;
  retiring_at: Date | null;
  revision: Int8;
}
export type ReleaseRow = Selectable<ReleaseTable>;

export interface ActivationTable extends Author {
  id: string;
  org_id: string;
  project_id: string;
  release_id: string;
  previous_release_id: string | null;
  reason: 'publish' | 'activate' | 'rollback' | 'env';
  at: Date;
}

export interface PreviewTable {
  id: string;
  org_id: string;
  project_id: string;
  release_id: string;
  ref: string;
  created_at: Date;
  expires_at: Date;
}
