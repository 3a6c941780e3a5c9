import type { Generated } from 'kysely';

/** Of the tables of operators' logins only what is read and written here. */
export interface OperatorTables {
  operators: OperatorTable;
  operator_accounts: OperatorAccountTable;
  operator_links: OperatorLinkTable;
  turn_ends: TurnEndTable;
}

export interface OperatorTable {
  id: string;
  name: string;
  email: string;
  email_verified: boolean;
  two_factor_enabled: boolean | null;
  created_at: Generated<Date>;
}

export interface OperatorAccountTable {
  id: string;
  operator_id: string;
  account_id: string;
  provider_id: string;
  password: string | null;
  updated_at: Date;
}

export interface OperatorLinkTable {
  id: string;
  token_hash: string;
  made_by: string | null;
  created_at: Date;
  expires_at: Date;
  used_at: Date | null;
}

export interface TurnEndTable {
  org_id: string;
  turn_id: string;
  at: Date;
  outcome: 'completed' | 'failed' | 'violation';
}
