import type { IdempotencyTables } from '@karta/postgres';
import type { ApiScope, KeyMode, TokenScope } from '@karta/protocol';
import type { ColumnType, JSONColumnType, Selectable } from 'kysely';

export interface KeyTables extends IdempotencyTables {
  api_keys: ApiKeyTable;
  embed_keys: EmbedKeyTable;
  token_keys: TokenKeyTable;
  denials: DenialTable;
}

export interface ApiKeyTable {
  id: string;
  org_id: string;
  name: string;
  mode: KeyMode;
  prefix: string;
  digest: string;
  scopes: ApiScope[];
  created_by: string;
  created_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
}
export type ApiKeyRow = Selectable<ApiKeyTable>;

export interface EmbedKeyTable {
  id: string;
  org_id: string;
  project_id: string;
  embed_key: string;
  name: string;
  mode: KeyMode;
  allowed_origins: string[];
  scopes: TokenScope[];
  verified_only: boolean;
  created_by: string;
  created_at: Date;
  revoked_at: Date | null;
}
export type EmbedKeyRow = Selectable<EmbedKeyTable>;

export interface TokenKeyTable {
  kid: string;
  public_jwk: JSONColumnType<Record<string, unknown>>;
  private_sealed: string;
  created_at: Date;
  signs_from: Date;
  expires_at: Date | null;
}
export type TokenKeyRow = Selectable<TokenKeyTable>;

export interface DenialTable {
  kind: 'jti' | 'api_key' | 'project_tokens' | 'org' | 'staff' | 'unpaid';
  id: string;
  org_id: string;
  /** An int8 column: read as a decimal string. */
  issued_before: ColumnType<string | null, number | null, number | null>;
  until: Date;
  created_at: Date;
  revision: ColumnType<string, number, number>;
}
