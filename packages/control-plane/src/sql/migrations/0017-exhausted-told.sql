-- A refused call tells that a cap is exhausted, though less may be spent than the other thresholds:
-- whether that was told is apart from the highest of those.
alter table budget_windows add column exhausted_told boolean not null default false;
update budget_windows set exhausted_told = true, told = 80 where told = 100;
