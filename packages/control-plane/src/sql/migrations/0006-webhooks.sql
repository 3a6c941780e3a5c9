create table webhook_endpoints (
  id text primary key,
  org_id text not null references orgs on delete cascade,
  url text not null,
  description text not null,
  -- null: every type, also those to come.
  event_types text[],
  -- One delivery after the other, in the order the events happened.
  ordered boolean not null,
  -- Signing secrets, sealed. The previous one signs along until it expires.
  secret jsonb not null,
  previous_secret jsonb,
  previous_secret_expires_at timestamptz,
  enabled boolean not null,
  notice text,
  failing_since timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index webhook_endpoints_org on webhook_endpoints (org_id, created_at, id);

-- What is sent, byte for byte, kept once for all endpoints.
create table webhook_events (
  org_id text not null references orgs on delete cascade,
  id text not null,
  type text not null,
  body text not null,
  created_at timestamptz not null,
  primary key (org_id, id)
);
create index webhook_events_age on webhook_events (created_at);

create table webhook_deliveries (
  id text primary key,
  -- Tells the order in which events happened.
  position bigint generated always as identity,
  org_id text not null,
  endpoint_id text not null references webhook_endpoints on delete cascade,
  event_id text not null,
  event_type text not null,
  status text not null check (status in ('pending', 'delivered', 'failed', 'cancelled')),
  attempts int not null,
  -- When it is due, and, while a try is under way, when that try counts as lost.
  next_attempt_at timestamptz,
  last_attempt_at timestamptz,
  response_status int,
  error text,
  created_at timestamptz not null,
  delivered_at timestamptz,
  foreign key (org_id, event_id) references webhook_events on delete cascade,
  check ((status = 'pending') = (next_attempt_at is not null))
);
create index webhook_deliveries_due on webhook_deliveries (next_attempt_at) where status = 'pending';
create index webhook_deliveries_log on webhook_deliveries (endpoint_id, position);
create index webhook_deliveries_event on webhook_deliveries (org_id, event_id);

create table webhook_attempts (
  delivery_id text not null references webhook_deliveries on delete cascade,
  number int not null,
  at timestamptz not null,
  duration_ms int not null,
  response_status int,
  response_body text,
  error text,
  primary key (delivery_id, number)
);
