-- One row: the number of the newest change that nodes must hear of. A change locks it, so numbers
-- are given in the order in which changes become visible.
create table catalog_version (
  id smallint primary key check (id = 1),
  version bigint not null
);
insert into catalog_version (id, version) values (1, 1);

create table projects (
  id text primary key,
  org_id text not null references orgs (id) on delete cascade,
  ref text not null,
  active_release_id text,
  allowed_origins text[] not null default '{}',
  -- The number that the next release gets, as `vN`. Never given twice.
  next_version integer not null default 1,
  created_at timestamptz not null,
  deleted_at timestamptz,
  -- Of `catalog_version`, when nodes last had to hear of it.
  revision bigint not null
);
create unique index projects_ref on projects (org_id, ref) where deleted_at is null;
create index projects_revision on projects (revision);

-- A publish on its way: from an archive to a release.
create table builds (
  id text primary key,
  org_id text not null references orgs (id) on delete cascade,
  project_id text not null references projects (id) on delete cascade,
  kind text not null,
  status text not null,
  -- SHA-256 of the archive in the blob store.
  source_digest text not null,
  source_bytes bigint not null,
  activate boolean not null,
  preview boolean not null,
  by_kind text not null,
  by_id text not null,
  by_label text not null,
  -- SHA-256 of the token by which a node may read the archive and bring the image.
  grant_digest text,
  problems jsonb not null default '[]',
  -- What the node brought, before the release is recorded: SHA-256 and size of the image.
  image_blob text,
  image_bytes bigint,
  release_id text,
  release_created boolean,
  preview_id text,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz
);
create index builds_project on builds (project_id, created_at desc, id desc);
create index builds_waiting on builds (created_at) where status in ('queued', 'running');

create table build_log (
  build_id text not null references builds (id) on delete cascade,
  line integer not null,
  at timestamptz not null,
  text text not null,
  primary key (build_id, line)
);

create table releases (
  id text primary key,
  org_id text not null references orgs (id) on delete cascade,
  project_id text not null references projects (id) on delete cascade,
  number integer not null,
  -- SHA-256 over content, harness and configuration: the same publish is the same release.
  identity text not null,
  content_digest text not null,
  -- Digest of the tree that runs, which a node checks after pulling it.
  digest text not null,
  -- The image in the blob store.
  image_blob text not null,
  image_bytes bigint not null,
  source_digest text not null,
  harness_id text not null,
  harness_version text not null,
  config jsonb not null,
  declared_env jsonb not null,
  agents jsonb not null,
  skills jsonb not null,
  warnings jsonb not null,
  files jsonb not null,
  by_kind text not null,
  by_id text not null,
  by_label text not null,
  created_at timestamptz not null,
  revoked_at timestamptz,
  -- When its image was removed.
  expired_at timestamptz,
  revision bigint not null,
  unique (project_id, number)
);
create index releases_identity on releases (project_id, identity);
create index releases_revision on releases (revision);
create index releases_image on releases (image_blob);

create table activations (
  id text primary key,
  org_id text not null references orgs (id) on delete cascade,
  project_id text not null references projects (id) on delete cascade,
  release_id text not null references releases (id) on delete cascade,
  previous_release_id text,
  reason text not null,
  by_kind text not null,
  by_id text not null,
  by_label text not null,
  at timestamptz not null
);
create index activations_project on activations (project_id, at desc, id desc);

create table previews (
  id text primary key,
  org_id text not null references orgs (id) on delete cascade,
  project_id text not null references projects (id) on delete cascade,
  release_id text not null references releases (id) on delete cascade,
  ref text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  unique (project_id, ref)
);
create index previews_expiry on previews (expires_at);

create table env_values (
  project_id text not null references projects (id) on delete cascade,
  org_id text not null references orgs (id) on delete cascade,
  name text not null,
  secret boolean not null,
  -- Of a value that is no secret.
  value text,
  -- Of a secret: sealed under a key of its own, which is sealed under the master key.
  sealed jsonb,
  updated_at timestamptz not null,
  primary key (project_id, name),
  check ((secret and sealed is not null and value is null) or (not secret and value is not null and sealed is null))
);
