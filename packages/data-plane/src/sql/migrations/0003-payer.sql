-- On whose account a turn's model calls are made, beside its end user: the API key that was used or
-- that minted the token, and the embed key that minted it.
alter table turns add column api_key_id text;
alter table turns add column embed_key_id text;
