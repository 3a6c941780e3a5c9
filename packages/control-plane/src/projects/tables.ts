import type { ColumnType, Generated, JSONColumnType, Selectable } from 'kysely';

type Int8 = ColumnType<string, number | string, number | string>;

export interface ProjectsTables {
  catalog_version: { id: number; version: Int8 };
  projects: ProjectTable;
  env_values: EnvValueTable;
}

export interface ProjectTable {
  id: string;
  org_id: string;
  ref: string;
  active_release_id: string | null;
  allowed_origins: string[];
  next_version: Generated<number>;
  created_at: Date;
  deleted_at: Date | null;
  revision: Int8;
}
export type ProjectRow = Selectable<ProjectTable>;

/** A secret at rest: sealed under a data key, which is sealed under the master key. Base64. */
export interface SealedValue {
  /** Which master key: the first 16 hex digits of its SHA-256. */
  key: string;
  data_key: string;
  value: string;
}

export interface EnvValueTable {
  project_id: string;
  org_id: string;
  name: string;
  secret: boolean;
  value: string | null;
  sealed: JSONColumnType<SealedValue> | null;
  updated_at: Date;
}
