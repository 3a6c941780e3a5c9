-- People and their logins: columns as better-auth has them, names of ours. A test compares.
create table people (
  id text primary key,
  name text not null,
  email text not null unique,
  email_verified boolean not null,
  image text,
  two_factor_enabled boolean,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table person_logins (
  id text primary key,
  person_id text not null references people (id) on delete cascade,
  token text not null unique,
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null
);
create index person_logins_person on person_logins (person_id);

create table person_accounts (
  id text primary key,
  person_id text not null references people (id) on delete cascade,
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
create index person_accounts_person on person_accounts (person_id);

-- One-time values: reset links, the step between password and second factor.
create table person_verifications (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index person_verifications_identifier on person_verifications (identifier);

create table person_two_factors (
  id text primary key,
  person_id text not null references people (id) on delete cascade,
  secret text not null,
  backup_codes text not null,
  verified boolean default true,
  failed_verification_count integer default 0,
  locked_until timestamptz
);
create index person_two_factors_person on person_two_factors (person_id);
create index person_two_factors_secret on person_two_factors (secret);

create table person_passkeys (
  id text primary key,
  person_id text not null references people (id) on delete cascade,
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
create index person_passkeys_person on person_passkeys (person_id);
create index person_passkeys_credential on person_passkeys (credential_id);

-- Attempts within a window, by what they are counted for (an account, an address), hashed.
create table attempts (
  subject text primary key,
  count integer not null,
  resets_at timestamptz not null
);

-- An org owns everything else. Its slug stands in host labels: {ref}-{slug}.{domain}.
create table orgs (
  id text primary key,
  -- Never changes, and is never given again after a deletion: hosts bear it.
  slug text not null unique,
  name text not null,
  -- The project that flat sessions belong to: set by the first publish.
  default_project_id text,
  created_at timestamptz not null,
  -- Set by the operator: nothing of the org runs or can be changed.
  suspended_at timestamptz,
  -- A deleted org is kept for its audit log; to everyone it is absent.
  deleted_at timestamptz
);

create table memberships (
  org_id text not null references orgs (id),
  person_id text not null references people (id) on delete cascade,
  role text not null check (role in ('owner', 'admin', 'developer', 'billing', 'viewer')),
  created_at timestamptz not null,
  primary key (org_id, person_id)
);
create index memberships_person on memberships (person_id);

create table invitations (
  id text primary key,
  org_id text not null references orgs (id),
  email text not null,
  role text not null check (role in ('owner', 'admin', 'developer', 'billing', 'viewer')),
  -- SHA-256 of the link's token, hex: the link itself is shown once.
  token_hash text not null unique,
  -- Shown to members: an e-mail address, or 'operator'.
  invited_by text not null,
  -- An operator's invitation admits to sign-up even where it is closed.
  by_operator boolean not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_by text references people (id) on delete set null,
  revoked_at timestamptz
);
create index invitations_org on invitations (org_id, id);
create index invitations_email on invitations (email);
