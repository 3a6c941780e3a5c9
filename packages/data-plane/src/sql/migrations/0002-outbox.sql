-- Who a turn is for: the credential that sent it and, with a session token, its end user.
alter table turns add column principal_id text;
alter table turns add column end_user text;

-- kt_test_ keys make test sessions: never billed, invisible to live keys.
alter table sessions add column mode text not null default 'live' check (mode in ('live', 'test'));

-- What the control plane must hear of and has not acknowledged: model calls, and what happened to
-- sessions. Written with the change that it tells of.
create table outbox (
  position bigint generated always as identity primary key,
  -- call_… or evt_…: the same thing stands here once, and is counted once over there.
  id text not null unique,
  -- usage, lifecycle
  kind text not null,
  org_id text not null,
  event jsonb not null,
  -- The org grant of that time: it says that this node had to do with the org then.
  org_grant text,
  -- Why the control plane will not have it. Kept for a person to look at.
  refused text
);
create index outbox_waiting on outbox (position) where refused is null;
