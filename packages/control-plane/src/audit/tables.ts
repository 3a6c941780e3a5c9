import type { JSONColumnType, Selectable } from 'kysely';

export interface AuditTables {
  audit_events: AuditEventTable;
  audit_heads: AuditHeadTable;
  audit_signed_heads: SignedHeadTable;
  audit_keys: AuditKeyTable;
}

export interface AuditEventTable {
  org_id: string;
  /** `bigint`, which the driver gives as text. */
  seq: string;
  id: string;
  at: Date;
  actor_kind: 'person' | 'api_key' | 'operator' | 'system';
  actor_id: string;
  actor_label: string;
  action: string;
  target_kind: string;
  target_id: string;
  details: JSONColumnType<Record<string, unknown>>;
  prev_hash: string;
  hash: string;
}
export type AuditEventRow = Selectable<AuditEventTable>;

export interface AuditHeadTable {
  org_id: string;
  seq: string;
  hash: string;
}

export interface SignedHeadTable {
  org_id: string;
  seq: string;
  hash: string;
  signed_at: Date;
  key_id: string;
  signature: string;
}
export type SignedHeadRow = Selectable<SignedHeadTable>;

export interface AuditKeyTable {
  key_id: string;
  x: string;
  created_at: Date;
}
