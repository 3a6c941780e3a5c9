-- Since when no further session may be pinned to a release that nobody keeps: its files go once no
-- session needs them. Activating or previewing it before that keeps it.
alter table releases add column retiring_at timestamptz;
create index releases_retiring on releases (project_id) where retiring_at is not null;
create index releases_source on releases (source_digest);
create index builds_blobs on builds (source_digest, image_blob) where status in ('queued', 'running');
