-- One row a model call, as the doors of a node counted it. The key begins with the org, so that a
-- node can only ever collide with calls of an org that it has a grant of. No foreign keys: usage
-- outlives what it was spent on.
create table usage_events (
  org_id text not null,
  id text not null,
  project_id text not null,
  session_id text not null,
  turn_id text,
  principal_id text,
  end_user text,
  provider text not null,
  model text not null,
  input_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,
  estimated boolean not null,
  paid_by text not null check (paid_by in ('platform', 'byok')),
  mode text not null check (mode in ('live', 'test')),
  at timestamptz not null,
  primary key (org_id, id)
);

-- The same, summed by day of UTC. What is unknown is the empty string, so that it can be a key.
create table usage_daily (
  org_id text not null,
  day date not null,
  project_id text not null,
  provider text not null,
  model text not null,
  principal_id text not null,
  end_user text not null,
  mode text not null,
  paid_by text not null,
  calls bigint not null,
  estimated_calls bigint not null,
  input_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,
  primary key (org_id, day, project_id, provider, model, principal_id, end_user, mode, paid_by)
);
