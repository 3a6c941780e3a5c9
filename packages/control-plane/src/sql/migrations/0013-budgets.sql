-- A cap of an org. Amounts are tokens, or picodollars for cost.
create table budgets (
  id text primary key,
  org_id text not null references orgs on delete cascade,
  scope text not null
    check (scope in ('org', 'project', 'api_key', 'end_user', 'session', 'embed_key')),
  -- null: each object of that kind by itself.
  scope_id text,
  metric text not null check (metric in ('input_tokens', 'output_tokens', 'total_tokens', 'cost')),
  period text not null check (period in ('day', 'month', 'total')),
  cap numeric not null check (cap >= 0),
  created_by text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index budgets_org on budgets (org_id, created_at, id);

-- What was spent of a cap by one object in one window: a row from its first call or block on.
create table budget_windows (
  budget_id text not null references budgets on delete cascade,
  subject text not null,
  starts_at timestamptz not null,
  -- null: it never ends.
  ends_at timestamptz,
  -- The sum of the booked calls that match, whether or not a block covered them.
  spent numeric not null,
  -- The highest threshold that was told, in percent.
  told smallint not null default 0,
  primary key (budget_id, subject, starts_at)
);

-- A block of a window that the doors of a node may spend by themselves. It holds its amount, once it
-- is closed what was taken of it, less what booked calls have brought home.
create table budget_leases (
  id text primary key,
  budget_id text not null,
  subject text not null,
  starts_at timestamptz not null,
  node_id text not null,
  epoch bigint not null,
  amount numeric not null check (amount >= 0),
  taken numeric not null default 0,
  consumed numeric not null default 0,
  closed boolean not null default false,
  expires_at timestamptz not null,
  foreign key (budget_id, subject, starts_at) references budget_windows on delete cascade
);
create index budget_leases_holding on budget_leases (budget_id, subject, starts_at)
  where not closed or consumed < taken;
create index budget_leases_node on budget_leases (node_id, epoch) where not closed;

-- Counts the starts of each node's doors.
create table doors_epochs (
  node_id text primary key,
  epoch bigint not null,
  registered_at timestamptz not null
);

-- Whom a call is counted on, beside what 0005 has.
alter table usage_events add column api_key_id text, add column embed_key_id text;
update usage_events set api_key_id = principal_id where principal_id like 'key\_%';

-- What an org has chosen about its spending; the defaults where it has no row.
create table spend_settings (
  org_id text primary key references orgs on delete cascade,
  unknown_model text not null check (unknown_model in ('refuse', 'count')),
  updated_at timestamptz not null
);
