-- Prices that operators set beside the built-in ones. Only added to, numbered without a gap, so that
-- the book of each version can be told again.
create table price_overrides (
  seq integer primary key,
  provider text not null,
  model text not null,
  effective_from timestamptz not null,
  price jsonb not null,
  made_by text not null,
  created_at timestamptz not null
);

-- Picodollars; null where the model had no price when it was called.
alter table usage_events
  add column cost numeric,
  add column price_version text,
  -- The org's own key that paid.
  add column own_key_id text,
  -- Parts of cache_write_tokens and output_tokens that may have a price of their own.
  add column cache_write_1h_tokens bigint not null default 0,
  add column reasoning_tokens bigint not null default 0,
  -- The provider counted more than the limits it was sent.
  add column exceeded boolean not null default false;

alter table usage_daily
  add column cost numeric not null default 0,
  -- Calls of models without a price.
  add column unpriced_calls bigint not null default 0;
update usage_daily set unpriced_calls = calls;

-- An org that pays by Stripe: its customer there, and its subscription as Stripe told last.
create table billing_accounts (
  org_id text primary key references orgs on delete cascade,
  customer_id text unique,
  subscription_id text,
  -- Stripe's word for it; null before the first subscription.
  subscription_status text,
  period_ends_at timestamptz,
  cancels_at_period_end boolean not null default false,
  -- Since when it has not been paid, and until when that is borne with.
  unpaid_since timestamptz,
  grace_ends_at timestamptz,
  -- Since when calls are refused for it.
  blocked_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index billing_accounts_grace on billing_accounts (grace_ends_at)
  where blocked_at is null;

-- Webhooks of Stripe that have had their effect.
create table billing_events (
  id text primary key,
  type text not null,
  at timestamptz not null
);
create index billing_events_age on billing_events (at);

create table billing_invoices (
  id text primary key,
  org_id text not null references orgs on delete cascade,
  status text not null,
  currency text not null,
  -- In the currency's smallest unit.
  amount_due bigint not null,
  amount_paid bigint not null,
  period_starts_at timestamptz not null,
  period_ends_at timestamptz not null,
  hosted_url text,
  -- When the lines of our ledger were drawn for it, once.
  drawn_at timestamptz,
  created_at timestamptz not null
);
create index billing_invoices_org on billing_invoices (org_id, created_at, id);

-- What of a day's usage stands on a line already. The rest is for the next invoice.
create table billed_usage (
  org_id text not null references orgs on delete cascade,
  day date not null,
  provider text not null,
  model text not null,
  cost numeric not null,
  calls bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  primary key (org_id, day, provider, model)
);

-- A line of an invoice: everything of one model that no line had yet.
create table billing_lines (
  id text primary key,
  org_id text not null references orgs on delete cascade,
  -- Moves on to the next one while it is on none at Stripe.
  invoice_id text not null,
  provider text not null,
  model text not null,
  -- Days of UTC, such as 2026-11-22.
  from_day text not null,
  to_day text not null,
  calls bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  -- Picodollars, and the cents that it is rounded up to, once.
  cost numeric not null,
  cents bigint not null,
  -- At Stripe: null until it is there.
  item_id text,
  created_at timestamptz not null
);
create index billing_lines_invoice on billing_lines (invoice_id);
create index billing_lines_waiting on billing_lines (org_id) where item_id is null;
