import type { Role } from '@karta/protocol';
import type { Generated, Selectable } from 'kysely';

/** Of the tables of people's logins only what is read here; better-auth writes them. */
export interface IdentityTables {
  people: PersonTable;
  person_logins: PersonLoginTable;
  attempts: AttemptTable;
  orgs: OrgTable;
  memberships: MembershipTable;
  invitations: InvitationTable;
}

export interface PersonTable {
  id: string;
  name: string;
  email: string;
  email_verified: boolean;
  two_factor_enabled: boolean | null;
  created_at: Generated<Date>;
}

export interface PersonLoginTable {
  id: string;
  person_id: string;
  expires_at: Date;
}

export interface AttemptTable {
  subject: string;
  count: number;
  resets_at: Date;
}

export interface OrgTable {
  id: string;
  slug: string;
  name: string;
  default_project_id: string | null;
  created_at: Date;
  suspended_at: Date | null;
  deleted_at: Date | null;
}
export type OrgRow = Selectable<OrgTable>;

export interface MembershipTable {
  org_id: string;
  person_id: string;
  role: Role;
  created_at: Date;
}

export interface InvitationTable {
  id: string;
  org_id: string;
  email: string;
  role: Role;
  token_hash: string;
  invited_by: string;
  by_operator: boolean;
  created_at: Date;
  expires_at: Date;
  accepted_at: Date | null;
  accepted_by: string | null;
  revoked_at: Date | null;
}
export type InvitationRow = Selectable<InvitationTable>;
