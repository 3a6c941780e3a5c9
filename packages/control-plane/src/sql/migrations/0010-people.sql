-- Sign-ins of programs that wait for a browser (RFC 8628): columns as better-auth has them.
create table person_device_codes (
  id text primary key,
  -- Held by the program alone.
  device_code text not null unique,
  -- Shown to the person, who compares it.
  user_code text not null unique,
  person_id text references people (id) on delete cascade,
  expires_at timestamptz not null,
  -- pending, approved, denied
  status text not null,
  last_polled_at timestamptz,
  -- Milliseconds.
  polling_interval integer,
  client_id text,
  scope text
);
create index person_device_codes_expiry on person_device_codes (expires_at);
