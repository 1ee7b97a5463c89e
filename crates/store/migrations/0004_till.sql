-- Tills that are offline, and the chain's own tills (Alfa Kassa).

-- Who came to a store lately: the grants of its tills are for them. Imported receipts have no store and are not in it.
create index receipts_by_store on receipts (store_id, at desc) include (customer_id)
    where store_id is not null and customer_id is not null;

-- Signed permissions to give a customer's card at one till without asking, as they were signed last. The signature itself
-- is not kept: the same key and the same fields give it again.
create table grants (
    id uuid primary key,
    store_id uuid not null references stores,
    till_id uuid not null references tills,
    -- No foreign keys on these two on purpose: a purchase holds its customer's row and then the grant's, and the check
    -- would take them the other way round.
    customer_id uuid not null,
    card_id uuid not null,
    scope_kind text not null constraint grants_scope_kind check (scope_kind in ('basket', 'category', 'product')),
    scope_ref text not null,
    rate_bp int not null constraint grants_rate_bounds check (rate_bp between 1 and 10000),
    -- The edition: moves with every renewal.
    counter bigint not null constraint grants_counter_positive check (counter > 0),
    max_amount bigint not null constraint grants_max_amount_positive check (max_amount > 0),
    -- What receipts have been handed in with it, over the bound as well.
    spent bigint not null default 0 constraint grants_spent_not_negative check (spent >= 0),
    code_salt bytea not null,
    -- null: a static code may not redeem.
    code_hash bytea,
    handle_hash bytea not null,
    shelf_hash bytea not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    -- The one that this till renews for this customer; an earlier one with another card only runs out.
    current boolean not null default true,
    constraint grants_window check (issued_at < expires_at)
);
create unique index grants_one_current on grants (till_id, customer_id) where current;
create index grants_outstanding on grants (store_id, expires_at);

-- Receipts that were made without asking, beside their rows in `receipts`.
create table offline_receipts (
    receipt_id bigint primary key,
    till_id uuid not null references tills,
    -- The device's own count: its order.
    device_counter bigint not null,
    grant_id uuid references grants,
    -- What of its discount nobody had allowed.
    over_bound bigint not null constraint offline_receipts_over_bound check (over_bound >= 0),
    -- Of the call that it came in, so that the same call again is told the same.
    once_key text not null,
    place int not null,
    customer_known boolean not null,
    paid_at timestamptz,
    received_at timestamptz not null
);
create index offline_receipts_by_till on offline_receipts (till_id, device_counter);

-- The chain's tills that speak their own protocol. No secret is here: each is derived from the master key, which is not in
-- the database, and the generation.
create table till_links (
    till_id uuid primary key references tills,
    generation int not null constraint till_links_generation_positive check (generation > 0),
    -- Where the till listens.
    endpoint text not null,
    connected_at timestamptz not null
);

-- How far the story of a check has come: an earlier message that arrives later changes nothing.
create table till_checks (
    till_id uuid not null references tills,
    check_id uuid not null,
    sequence bigint not null,
    at timestamptz not null,
    constraint till_checks_pkey primary key (till_id, check_id)
);
create index till_checks_old on till_checks (at);

-- Messages that were taken, and what they were answered: a repeated one is told the same.
create table till_messages (
    till_id uuid not null references tills,
    message_id uuid not null,
    body_hash bytea not null,
    answer text not null,
    at timestamptz not null,
    constraint till_messages_pkey primary key (till_id, message_id)
);
create index till_messages_old on till_messages (at);

-- What a till is still to be told. Written with the answer that it belongs to, sent after the commit, at least once.
create table till_deliveries (
    id uuid primary key,
    till_id uuid not null references tills,
    check_id uuid not null,
    kind text not null,
    body text not null,
    created_at timestamptz not null,
    next_try_at timestamptz not null,
    tries int not null default 0,
    outcome text constraint till_deliveries_outcome check (outcome in ('delivered', 'obsolete', 'dead')),
    ended_at timestamptz,
    last_error text,
    constraint till_deliveries_ended check ((outcome is null) = (ended_at is null))
);
create index till_deliveries_due on till_deliveries (next_try_at) where outcome is null;
create index till_deliveries_dead on till_deliveries (ended_at) where outcome = 'dead';
create index till_deliveries_by_check on till_deliveries (till_id, check_id);
