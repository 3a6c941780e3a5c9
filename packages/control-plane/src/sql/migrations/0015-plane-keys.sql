-- Keys by which the planes know each other, once they are others than those they are configured
-- with. A row stays: the configured key must not count again.
create table plane_keys (
  kid text primary key,
  -- control, node, doors
  kind text not null,
  -- The key that its holder is configured with: what it is named after.
  configured_kid text not null,
  public_jwk jsonb not null,
  -- Of the control plane's own alone, under a key derived from the pepper, while it may sign.
  private_sealed text,
  created_at timestamptz not null,
  -- When its holder began to sign with it.
  active_at timestamptz,
  -- From when it counts no more.
  refused_at timestamptz
);
create index plane_keys_of on plane_keys (configured_kid);

-- Changes of such keys, asked for by an operator; whoever serves carries them on until they are done.
create table plane_key_rotations (
  id text primary key,
  kind text not null,
  configured_kid text not null,
  -- How long the key before counts on, in milliseconds.
  overlap_ms integer not null,
  new_kid text references plane_keys (kid),
  requested_at timestamptz not null,
  done_at timestamptz
);
create unique index plane_key_rotations_open on plane_key_rotations (configured_kid)
  where done_at is null;
