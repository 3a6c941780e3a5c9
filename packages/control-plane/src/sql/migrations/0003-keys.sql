-- API keys: never the key, only its HMAC-SHA-256 under the pepper, and the prefix it is found by.
create table api_keys (
  id text primary key,
  org_id text not null references orgs (id),
  name text not null,
  -- live, test
  mode text not null,
  prefix text not null,
  digest text not null unique,
  scopes text[] not null,
  created_by text not null,
  created_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index api_keys_by_prefix on api_keys (prefix);
create index api_keys_of_org on api_keys (org_id, created_at desc, id desc);

-- Keys that stand in web pages: no secret, but good only from their origins.
create table embed_keys (
  id text primary key,
  org_id text not null references orgs (id),
  project_id text not null,
  -- The key itself: it is public.
  embed_key text not null unique,
  name text not null,
  mode text not null,
  allowed_origins text[] not null,
  scopes text[] not null,
  verified_only boolean not null,
  created_by text not null,
  created_at timestamptz not null,
  revoked_at timestamptz
);
create index embed_keys_of_project on embed_keys (project_id, created_at desc, id desc);

-- Signing keys of session tokens. The private half is sealed under a key derived from the pepper.
create table token_keys (
  kid text primary key,
  public_jwk jsonb not null,
  private_sealed text not null,
  created_at timestamptz not null,
  -- Signs from then on: after every node has its public half.
  signs_from timestamptz not null,
  -- Nothing that it signed is accepted any more; the row goes some time later.
  expires_at timestamptz
);

-- What nodes must no longer accept, until it would have expired by itself.
create table denials (
  kind text not null,
  id text not null,
  org_id text not null,
  -- Seconds since the epoch; null denies everything.
  issued_before bigint,
  until timestamptz not null,
  created_at timestamptz not null,
  -- Of `catalog_version`, when nodes last had to hear of it.
  revision bigint not null,
  primary key (kind, id)
);
create index denials_until on denials (until);
create index denials_revision on denials (revision);

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
