-- Who runs this server: accounts of their own, apart from people's.
create table operators (
  id text primary key,
  name text not null,
  email text not null unique,
  email_verified boolean not null,
  image text,
  two_factor_enabled boolean,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table operator_logins (
  id text primary key,
  operator_id text not null references operators (id) on delete cascade,
  token text not null unique,
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null
);
create index operator_logins_operator on operator_logins (operator_id);

create table operator_accounts (
  id text primary key,
  operator_id text not null references operators (id) on delete cascade,
  account_id text not null,
  provider_id text not null,
  password text,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null
);
create index operator_accounts_operator on operator_accounts (operator_id);

create table operator_verifications (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index operator_verifications_identifier on operator_verifications (identifier);

create table operator_two_factors (
  id text primary key,
  operator_id text not null references operators (id) on delete cascade,
  secret text not null,
  backup_codes text not null,
  verified boolean default true,
  failed_verification_count integer default 0,
  locked_until timestamptz
);
create index operator_two_factors_operator on operator_two_factors (operator_id);
create index operator_two_factors_secret on operator_two_factors (secret);

create table operator_passkeys (
  id text primary key,
  operator_id text not null references operators (id) on delete cascade,
  name text,
  public_key text not null,
  credential_id text not null,
  counter integer not null,
  device_type text not null,
  backed_up boolean not null,
  transports text,
  aaguid text,
  created_at timestamptz
);
create index operator_passkeys_operator on operator_passkeys (operator_id);
create index operator_passkeys_credential on operator_passkeys (credential_id);

-- One-time links by which somebody becomes an operator.
create table operator_links (
  id text primary key,
  -- SHA-256 of the link's token, hex.
  token_hash text not null unique,
  -- `null` for the first: the server made it at its start.
  made_by text references operators (id) on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);

-- How turns ended, for the operator's view of abuse: rows older than that view are dropped.
create table turn_ends (
  org_id text not null,
  turn_id text not null,
  at timestamptz not null,
  outcome text not null check (outcome in ('completed', 'failed', 'violation')),
  primary key (org_id, turn_id)
);
create index turn_ends_at on turn_ends (at);
