-- Calls older than these are told of no more: their rows are gone, so nobody could say whether one was
-- counted before.
create table usage_horizon (
  id integer primary key check (id = 1),
  archived_before timestamptz not null
);
insert into usage_horizon (id, archived_before) values (1, '1970-01-01T00:00:00Z');

-- What calls whose rows are gone took in all, for caps without an end that are made later. What is
-- unknown is the empty string, so that it can be a key. Live calls only, as caps count them.
create table usage_archive (
  org_id text not null,
  project_id text not null,
  session_id text not null,
  api_key_id text not null,
  embed_key_id text not null,
  end_user text not null,
  input_tokens numeric not null,
  output_tokens numeric not null,
  -- Picodollars.
  cost numeric not null,
  primary key (org_id, project_id, session_id, api_key_id, embed_key_id, end_user)
);
