-- An org owns everything else. Its slug stands in host labels: {ref}-{slug}.{domain}.
create table orgs (
  id text primary key,
  slug text not null unique,
  name text not null,
  -- The project that flat sessions belong to: set by the first publish.
  default_project_id text,
  created_at timestamptz not null,
  -- Set by the operator: nothing of the org runs or can be changed.
  suspended_at timestamptz
);
