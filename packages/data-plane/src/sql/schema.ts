import type { IdempotencyTables } from '@karta/postgres';
import type {
  Decision,
  InputKind,
  Isolation,
  PermissionMode,
  SessionStatus,
} from '@karta/protocol';
import type {
  ColumnType,
  Generated,
  GeneratedAlways,
  Insertable,
  JSONColumnType,
  Selectable,
} from 'kysely';

/** An int8 column: read as a decimal string, written as a number. Counts stay below 2^53. */
type Count = ColumnType<string, number, number>;
type MaybeCount = ColumnType<string | null, number | null | undefined, number | null>;

/** The tables of the data plane, as the migrations make them. */
export interface DataTables extends IdempotencyTables {
  sessions: SessionTable;
  session_metadata: { org_id: string; digest: string; session_id: string };
  routing_locks: { digest: string; used_at: Date };
  participants: ParticipantTable;
  turns: TurnTable;
  inputs: InputTable;
  grants: GrantTable;
  outbox: OutboxTable;
}

export interface SessionTable {
  id: string;
  org_id: string;
  project_id: string;
  release_id: string;
  status: SessionStatus;
  metadata: JSONColumnType<Record<string, unknown>>;
  current_agent: string;
  permission_mode: PermissionMode | null;
  parent_id: string | null;
  created_by: string;
  sub: string | null;
  mode: Generated<'live' | 'test'>;
  volume_id: string | null;
  resume_id: string | null;
  isolation: Isolation | null;
  seq_reserved: ColumnType<string, number | undefined, number>;
  created_at: Date;
  updated_at: Date;
  active_at: Date;
  ended_at: Date | null;
  deleted_at: Date | null;
}
export type SessionRow = Selectable<SessionTable>;
export type NewSessionRow = Insertable<SessionTable>;

export interface ParticipantTable {
  session_id: string;
  id: string;
  name: string | null;
  type: 'human' | 'ai';
  joined_at: Date;
}

export type TurnState = 'queued' | 'running' | 'done';

export interface TurnTable {
  id: string;
  session_id: string;
  org_id: string;
  position: Count;
  state: TurnState;
  text: string | null;
  text_digest: string;
  sender_name: string | null;
  sender_type: 'human' | 'ai';
  principal_id: string | null;
  end_user: string | null;
  api_key_id: string | null;
  embed_key_id: string | null;
  agent: string;
  thinking: boolean;
  attachments: JSONColumnType<StoredAttachment[]> | null;
  after_seq: MaybeCount;
  stop_reason: string | null;
  input_tokens: MaybeCount;
  cache_read_tokens: MaybeCount;
  cache_write_tokens: MaybeCount;
  output_tokens: MaybeCount;
  model_calls: MaybeCount;
  estimated_calls: MaybeCount;
  accepted_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
}
export type TurnRow = Selectable<TurnTable>;

export interface StoredAttachment {
  path: string;
  mediaType: string | null;
}

export type InputState = 'pending' | 'resolved' | 'expired' | 'dropped';

export interface InputTable {
  id: string;
  session_id: string;
  turn_id: string;
  kind: InputKind;
  tool: string;
  message: string;
  tool_input: string;
  input_digest: string;
  rule: string | null;
  options: string;
  state: InputState;
  decision: Decision | null;
  decided_by: string | null;
  created_at: Date;
  expires_at: Date;
  resolved_at: Date | null;
}
export type InputRow = Selectable<InputTable>;

export interface GrantTable {
  session_id: string;
  digest: string;
  tool: string;
  rule: string;
  granted_by: string;
  created_at: Date;
}

export interface OutboxTable {
  position: GeneratedAlways<string>;
  id: string;
  kind: 'usage' | 'lifecycle';
  org_id: string;
  event: JSONColumnType<Record<string, unknown>>;
  org_grant: string | null;
  refused: string | null;
}
