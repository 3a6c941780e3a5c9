-- How fast an org, or something of it, may go. Figures are per minute, or at the same time.
create table rate_limits (
  id text primary key,
  -- null: of an operator, in every org.
  org_id text references orgs on delete cascade,
  -- Whether the org itself or an operator of the server has set it.
  set_by text not null check (set_by in ('org', 'operator')),
  scope text not null check (scope in ('org', 'project', 'api_key', 'embed_key', 'end_user')),
  -- null: each object of that kind by itself.
  scope_id text,
  requests_per_minute integer check (requests_per_minute > 0),
  tokens_per_minute bigint check (tokens_per_minute > 0),
  concurrent_turns integer check (concurrent_turns > 0),
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (org_id is not null or set_by = 'operator'),
  check (num_nonnulls(requests_per_minute, tokens_per_minute, concurrent_turns) > 0)
);
create unique index rate_limits_object on rate_limits
  (coalesce(org_id, ''), set_by, scope, coalesce(scope_id, ''));

-- When the limits of an org, or of every org (''), last changed, for the nodes.
create table rate_limit_changes (
  org_id text primary key,
  revision bigint not null
);
