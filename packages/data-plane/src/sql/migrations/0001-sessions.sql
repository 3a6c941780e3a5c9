-- A session is a light handle: who it belongs to, which release it is pinned to, where its state is.
create table sessions (
  id text primary key,
  org_id text not null,
  project_id text not null,
  release_id text not null,
  -- active, running, awaiting_input, hibernated, ended
  status text not null,
  metadata jsonb not null,
  current_agent text not null,
  permission_mode text,
  parent_id text,
  -- The credential and, for session tokens, the end user that made it.
  created_by text not null,
  sub text,
  volume_id text,
  -- The harness's own id of the conversation.
  resume_id text,
  isolation text,
  -- Sequence numbers up to this one may have been given out.
  seq_reserved bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- The last create, message or end of a turn: what the session's life is counted from.
  active_at timestamptz not null,
  ended_at timestamptz,
  -- Set when its owner ended it: from then on it is as good as absent.
  deleted_at timestamptz
);
create index sessions_newest_of_org on sessions (org_id, created_at desc, id desc);
create index sessions_newest_of_project on sessions (project_id, created_at desc, id desc);
create index sessions_idle_longest on sessions (active_at) where ended_at is null;
create index sessions_of_volume on sessions (volume_id) where volume_id is not null;

-- One row for each key of a session's metadata: the digest of key and value, for routing and lists.
create table session_metadata (
  org_id text not null,
  digest text not null,
  session_id text not null references sessions (id),
  primary key (org_id, digest, session_id)
);
create index session_metadata_of_session on session_metadata (session_id);

-- One row for each set of values that sessions are matched by: locking it makes
-- "find or create" atomic.
create table routing_locks (
  digest text primary key,
  used_at timestamptz not null
);

create table participants (
  session_id text not null references sessions (id),
  id text not null,
  name text,
  type text not null,
  joined_at timestamptz not null,
  primary key (session_id, id)
);

-- An accepted message. Its text is needed until its done, and is erased then.
create table turns (
  id text primary key,
  session_id text not null references sessions (id),
  org_id text not null,
  position bigint not null,
  -- queued, running, done
  state text not null,
  text text,
  text_digest text not null,
  sender_name text,
  sender_type text not null,
  agent text not null,
  thinking boolean not null,
  attachments jsonb,
  -- Its events have greater sequence numbers; known once it runs.
  after_seq bigint,
  stop_reason text,
  input_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  output_tokens bigint,
  model_calls bigint,
  estimated_calls bigint,
  accepted_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  unique (session_id, position)
);
create index turns_unfinished on turns (session_id, position) where state <> 'done';

-- An approval that a turn waits or waited for. What was asked is erased with the answer.
create table inputs (
  id text primary key,
  session_id text not null references sessions (id),
  turn_id text not null,
  kind text not null,
  tool text not null,
  message text not null,
  -- JSON as text: it comes from a sandbox, and may hold what jsonb refuses.
  tool_input text not null,
  input_digest text not null,
  rule text,
  options text not null,
  -- pending, resolved, expired, dropped
  state text not null,
  decision text,
  decided_by text,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  resolved_at timestamptz
);
create index inputs_of_session on inputs (session_id, created_at);
create index inputs_pending on inputs (turn_id) where state = 'pending';

-- What a person approved for the rest of a session.
create table grants (
  session_id text not null references sessions (id),
  digest text not null,
  tool text not null,
  rule text not null,
  granted_by text not null,
  created_at timestamptz not null,
  primary key (session_id, digest)
);

-- Requests that may be repeated. Never a body, only its digest.
create table idempotency_keys (
  org_id text not null,
  principal_id text not null,
  route text not null,
  key text not null,
  body_digest text not null,
  -- Both null while the first request is at work.
  status integer,
  object_id text,
  begun_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (org_id, principal_id, route, key)
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);
