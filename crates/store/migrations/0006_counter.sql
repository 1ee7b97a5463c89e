-- Open sessions live in the server's memory and are written behind; a close writes everything in one go. So a session keeps
-- what its answer was made from (law 6) as the text that was stored, the answers stand apart, one a version, and an
-- idempotency key points to the answer instead of carrying a second copy.

create table session_answers (
    session_id uuid not null,
    version int not null,
    -- contract::till::Session, byte for byte as it was sent.
    body text not null,
    constraint session_answers_pkey primary key (session_id, version)
);
insert into session_answers (session_id, version, body)
    select id, version, answer::text from sessions where state <> 'open';
-- A till puts a basket again when it is asked about one that is not there.
delete from sessions where state = 'open';

alter table sessions
    add column basis text,
    -- The rule set that the session is evaluated by, to its end.
    add column revision bigint;
update sessions s set basis = (facts || jsonb_build_object('facts', facts -> 'facts' || jsonb_build_object(
        'at', facts -> 'at', 'store', s.store_id, 'zone', (select time_zone from shop),
        'customer', null, 'coupons', '[]'::jsonb, 'rooms', '[]'::jsonb, 'holdout', false)))::text;
alter table sessions
    alter column basis set not null,
    drop column request,
    drop column facts,
    drop column answer,
    drop column receipt_id;
-- A put changes no indexed column, and finds room for its new row beside the old one (HOT). The clean-up reads the open
-- sessions, which are few.
drop index sessions_expiring;
create index sessions_open on sessions (id) where state = 'open';
alter table sessions set (fillfactor = 70);
-- Of a known till, and a customer who was just read; nothing of these is ever deleted. Checking it would cost a put more
-- than writing its row, and would make it wait for whoever holds the customer.
alter table sessions
    drop constraint sessions_customer_id_fkey,
    drop constraint sessions_store_id_fkey,
    drop constraint sessions_till_id_fkey;
-- A basket and its answer are read and written whole: kept in the row, not compressed beside it.
alter table sessions set (toast_tuple_target = 8160);
alter table session_answers set (toast_tuple_target = 8160);
alter table outbox set (toast_tuple_target = 8160);

alter table idempotency_keys
    alter column body drop not null,
    add column session_id uuid,
    add column session_version int,
    add constraint idempotency_keys_answered check ((body is null) = (session_id is not null));

-- A session has one sale, and any number of returns.
drop index receipts_session_key;
create unique index receipts_session_key on receipts (session_id) where kind = 'sale' and session_id is not null;
