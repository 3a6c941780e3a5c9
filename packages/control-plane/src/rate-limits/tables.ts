import type { RateLimitScope, RateLimitView } from '@karta/protocol';
import type { Selectable } from 'kysely';

/** Tables of rate limits. */
export interface RateLimitTables {
  rate_limits: RateLimitTable;
  rate_limit_changes: RateLimitChangeTable;
}

export interface RateLimitTable {
  id: string;
  /** `null`: in every org. */
  org_id: string | null;
  set_by: RateLimitView['set_by'];
  scope: RateLimitScope;
  /** `null`: each object of that kind by itself. */
  scope_id: string | null;
  requests_per_minute: number | null;
  /** A `bigint`, which the driver reads as text. */
  tokens_per_minute: string | null;
  concurrent_turns: number | null;
  created_by: string;
  created_at: Date;
  updated_at: Date;
}
export type RateLimitRow = Selectable<RateLimitTable>;

export interface RateLimitChangeTable {
  /** Empty: of every org. */
  org_id: string;
  revision: number | string;
}
