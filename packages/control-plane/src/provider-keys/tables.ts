import type { KeyProvider } from '@karta/protocol';
import type { Selectable } from 'kysely';

export interface ProviderKeyTables {
  provider_keys: ProviderKeyTable;
  provider_key_settings: ProviderKeySettingsTable;
}

/** `sealed`, `wrapped_key` and `kek_id` are gone from a key that is destroyed. */
export interface ProviderKeyTable {
  id: string;
  org_id: string;
  provider: KeyProvider;
  last_four: string;
  base_url: string | null;
  sealed: string | null;
  wrapped_key: string | null;
  kek_id: string | null;
  created_at: Date;
  created_by: string;
  destroyed_at: Date | null;
}
export type ProviderKeyRow = Selectable<ProviderKeyTable>;

export interface ProviderKeySettingsTable {
  org_id: string;
  platform_fallback: boolean;
}
