import type { PlanePublicKey } from '@karta/service/plane-auth';
import type { ColumnType, Selectable } from 'kysely';

/** Whose key it is: the control plane's own, a data plane's, or its doors'. */
export type PlaneKeyKind = 'control' | 'node' | 'doors';

export interface PlaneKeysTable {
  kid: string;
  kind: PlaneKeyKind;
  configured_kid: string;
  public_jwk: ColumnType<PlanePublicKey, string, never>;
  private_sealed: string | null;
  created_at: Date;
  active_at: Date | null;
  refused_at: Date | null;
}

export interface PlaneKeyRotationsTable {
  id: string;
  kind: PlaneKeyKind;
  configured_kid: string;
  overlap_ms: number;
  new_kid: string | null;
  requested_at: Date;
  done_at: Date | null;
}
export type PlaneKeyRotation = Selectable<PlaneKeyRotationsTable>;

export interface PlaneKeyTables {
  plane_keys: PlaneKeysTable;
  plane_key_rotations: PlaneKeyRotationsTable;
}
