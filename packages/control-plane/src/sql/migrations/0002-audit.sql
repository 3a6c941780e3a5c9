-- What was done, by org: a chain of hashes without a gap. The application may insert and select.
-- The org 'platform' is the operator's own log, so there is no foreign key.
create table audit_events (
  org_id text not null,
  seq bigint not null,
  id text not null,
  at timestamptz not null,
  actor_kind text not null check (actor_kind in ('person', 'api_key', 'operator', 'system')),
  actor_id text not null,
  actor_label text not null,
  action text not null,
  target_kind text not null,
  target_id text not null,
  details jsonb not null,
  prev_hash text not null,
  hash text not null,
  primary key (org_id, seq)
);
create index audit_events_action on audit_events (org_id, action, seq);
create index audit_events_target on audit_events (org_id, target_id, seq);

-- The end of each chain. Its row lock lets one change at a time append.
create table audit_heads (
  org_id text primary key,
  seq bigint not null,
  hash text not null
);

-- Heads as they were signed: what a chain rewritten from its start is found out by.
create table audit_signed_heads (
  org_id text not null,
  seq bigint not null,
  hash text not null,
  signed_at timestamptz not null,
  key_id text not null,
  signature text not null,
  primary key (org_id, seq)
);

-- Public keys that heads were signed with, former ones included.
create table audit_keys (
  key_id text primary key,
  -- The Ed25519 public key, base64url, as `x` of a JWK.
  x text not null,
  created_at timestamptz not null
);
