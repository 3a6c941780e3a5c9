-- Keys of model providers that orgs have brought. The secret is sealed under a data key of its own,
-- which is wrapped by a key-encryption key that is never in this database.
create table provider_keys (
  id text primary key,
  org_id text not null references orgs on delete cascade,
  provider text not null,
  last_four text not null,
  -- Of a server that is compatible with a provider's wire format.
  base_url text,
  sealed text,
  wrapped_key text,
  -- Names the key-encryption key.
  kek_id text,
  created_at timestamptz not null,
  created_by text not null,
  -- What is destroyed cannot be read any more: nothing but its name is left.
  destroyed_at timestamptz,
  check ((destroyed_at is null) = (sealed is not null)),
  check ((sealed is null) = (wrapped_key is null) and (sealed is null) = (kek_id is null))
);
create unique index provider_keys_active on provider_keys (org_id, provider)
  where destroyed_at is null;
create index provider_keys_kek on provider_keys (kek_id) where destroyed_at is null;

-- An org without a row has the default: its calls never go on with the platform's key.
create table provider_key_settings (
  org_id text primary key references orgs on delete cascade,
  platform_fallback boolean not null
);
