-- What is written as JSON and read whole is a text: the database would take it apart and put it together again, at every
-- purchase, for nobody. Whoever asks it a question says ::jsonb.
alter table outbox alter column payload type text;
alter table event_log alter column payload type text;
alter table receipt_lines alter column allocations type text;

-- Old keys are found by when they came, which is the order that they lie in: a BRIN index costs a purchase nothing.
drop index idempotency_keys_old;
create index idempotency_keys_old on idempotency_keys using brin (created_at) with (pages_per_range = 16);

-- The relay asks for what waits, and marks that; nobody asks for an event by this number once it was told.
alter table outbox drop constraint outbox_pkey;
drop index outbox_unpublished;
create unique index outbox_unpublished on outbox (id) where published_at is null;

-- A large answer is compressed and stays in its row (which earlier took a page of its own, as it was).
alter table session_answers reset (toast_tuple_target);
alter table session_answers alter column body set storage main;
alter table sessions reset (toast_tuple_target);
alter table sessions alter column basis set storage main;
alter table outbox reset (toast_tuple_target);
alter table outbox alter column payload set storage main;
