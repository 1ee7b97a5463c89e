-- Goods that come back, and sales that are opened again.

-- What of each line of a session has come back so far. The counters are the law: no return brings them over what was sold.
create table returned_lines (
    session_id uuid not null,
    position int not null,
    sold int not null,
    quantity int not null,
    paid bigint not null,
    refund bigint not null,
    discount bigint not null,
    -- Whose the discount was, in the order of the line's allocations.
    allocations bigint[] not null,
    constraint returned_lines_pkey primary key (session_id, position),
    constraint returned_lines_within check (quantity between 1 and sold and refund between 0 and paid and discount >= 0)
);

-- One row a return; what came back with it is its receipt of the kind 'return'.
create table session_returns (
    id uuid constraint session_returns_pkey primary key,
    session_id uuid not null references sessions,
    receipt_id bigint not null,
    reason text not null constraint session_returns_reason check (length(reason) <= 500),
    at timestamptz not null
);
create index session_returns_by_session on session_returns (session_id);

-- A sale that was opened again no longer counts and gives its number back; its row stays for the books.
alter table receipts add column reopened_at timestamptz
    constraint receipts_reopened check (reopened_at is null or cancelled_at is not null);
-- A return has no number of its own: it carries that of its sale.
drop index receipts_till_number_key;
create unique index receipts_till_number_key on receipts (store_id, till_id, number)
    where source = 'till' and kind = 'sale' and reopened_at is null;
-- A session has one sale that counts, and any number of returns.
drop index receipts_session_key;
create unique index receipts_session_key on receipts (session_id)
    where kind = 'sale' and session_id is not null and reopened_at is null;
create index receipts_returned on receipts (session_id) where kind = 'return' and session_id is not null;
