import type { Selectable } from 'kysely';

export interface IdentityTables {
  orgs: OrgTable;
}

export interface OrgTable {
  id: string;
  slug: string;
  name: string;
  default_project_id: string | null;
  created_at: Date;
  suspended_at: Date | null;
}
export type OrgRow = Selectable<OrgTable>;
