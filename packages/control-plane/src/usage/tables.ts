import type { Generated } from 'kysely';

/** Tables of usage. Counts are `bigint`, picodollars `numeric`; the driver reads both as text. */
export interface UsageTables {
  usage_events: UsageEventTable;
  usage_daily: UsageDailyTable;
  usage_archive: UsageArchiveTable;
  usage_horizon: UsageHorizonTable;
}

interface Tokens {
  input_tokens: string;
  cache_read_tokens: string;
  cache_write_tokens: string;
  output_tokens: string;
}

export interface UsageEventTable extends Tokens {
  org_id: string;
  id: string;
  project_id: string;
  session_id: string;
  turn_id: string | null;
  principal_id: string | null;
  end_user: string | null;
  api_key_id: string | null;
  embed_key_id: string | null;
  provider: string;
  model: string;
  estimated: boolean;
  paid_by: 'platform' | 'byok';
  mode: 'live' | 'test';
  at: Date;
  /** `null`: the model had no price. */
  cost: string | null;
  price_version: string | null;
  own_key_id: string | null;
  cache_write_1h_tokens: string;
  reasoning_tokens: string;
  exceeded: boolean;
}

/** Sums of {@link UsageEventTable}; a `null` there is the empty string here. */
export interface UsageDailyTable extends Tokens {
  org_id: string;
  day: string;
  project_id: string;
  provider: string;
  model: string;
  principal_id: string;
  end_user: string;
  mode: 'live' | 'test';
  paid_by: 'platform' | 'byok';
  calls: string;
  estimated_calls: string;
  cost: Generated<string>;
  unpriced_calls: Generated<string>;
}

/** Sums of rows of {@link UsageEventTable} that are gone; a `null` there is the empty string here. */
export interface UsageArchiveTable {
  org_id: string;
  project_id: string;
  session_id: string;
  api_key_id: string;
  embed_key_id: string;
  end_user: string;
  input_tokens: string;
  output_tokens: string;
  cost: string;
}

export interface UsageHorizonTable {
  id: number;
  archived_before: Date;
}
