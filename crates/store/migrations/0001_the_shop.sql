-- The shop, thin through all layers. Money is bigint in minor units of shop.currency; rates are basis points.
-- Constraint names are part of the code: store maps them to domain errors by name.

create table shop (
    -- One shop a database, and one currency a shop.
    only_row boolean primary key default true constraint shop_is_one check (only_row),
    name text not null,
    currency text not null constraint shop_currency_iso check (currency ~ '^[A-Z]{3}$'),
    time_zone text not null,
    min_margin_bp int not null constraint shop_min_margin_bounds check (min_margin_bp between 0 and 100000),
    redeem_with_static_code boolean not null default true,
    -- A demo shows its messages and its log-ins.
    demo boolean not null default false,
    -- Moves with every change of products or categories, so that a cached catalogue knows it is old.
    catalogue_version bigint not null default 1,
    created_at timestamptz not null
);

-- Secrets of the shop itself: peppers and keys, made once by `migrate`.
create table secrets (
    name text primary key,
    value bytea not null
);

create table stores (
    id uuid primary key,
    name text not null,
    constraint stores_name_key unique (name)
);

create table tills (
    id uuid primary key,
    store_id uuid not null references stores,
    name text not null,
    constraint tills_store_name_key unique (store_id, name)
);

-- Bearer keys of REST and gRPC. Only SHA-256 of the key is stored (keys are 256 random bits, so no salt is needed).
create table api_keys (
    hash bytea primary key,
    till_id uuid references tills,
    scopes text[] not null,
    created_at timestamptz not null,
    revoked_at timestamptz
);

create table staff (
    id uuid primary key,
    login text not null constraint staff_login_key unique,
    name text not null,
    password_hash text not null,
    role text not null constraint staff_role check (role in ('cashier', 'marketer', 'admin')),
    till_id uuid references tills,
    disabled_at timestamptz
);

create table categories (
    id text primary key,
    title_en text not null,
    title_ru text not null,
    -- Name of the drawing that stands for it; '' for the plain one.
    picture text not null default '',
    position int not null default 1000
);

create table products (
    sku text primary key constraint products_sku_length check (length(sku) between 1 and 64),
    name text not null,
    name_ru text not null default '',
    description text not null default '',
    description_ru text not null default '',
    category text not null references categories,
    price bigint not null constraint products_price_bounds check (price between 0 and 1000000000),
    -- null: unknown, and then no personal discount is given on it.
    cost bigint constraint products_cost_bounds check (cost between 0 and 1000000000),
    picture text not null default '',
    -- Charges such as postage are sold but never offered.
    offerable boolean not null default true,
    position int not null default 1000,
    version bigint not null default 1
);
create index products_by_category on products (category, position, sku);

create table segment_models (
    id uuid primary key,
    version int not null constraint segment_models_version_key unique,
    fitted_at timestamptz not null,
    -- The serialised segmentation::Model: scaling, centroids, names.
    model jsonb not null,
    -- What the fit found: samples, silhouette by k, inertia, sizes.
    report jsonb not null,
    in_use boolean not null default false
);
create unique index segment_models_one_in_use on segment_models (in_use) where in_use;

create table customers (
    id uuid primary key,
    -- The number that the imported receipts know them by.
    external_id text constraint customers_external_id_key unique,
    phone text constraint customers_phone_key unique,
    static_code text not null constraint customers_static_code_key unique,
    code_handle bigint not null constraint customers_code_handle_key unique,
    code_secret bytea not null,
    name text not null default '',
    email text,
    birth_month smallint,
    birth_day smallint,
    locale text not null default 'en',
    marketing_consent boolean not null default false,
    created_at timestamptz not null,
    -- What all discounts of closed purchases took off (cancelled ones are taken back).
    savings bigint not null default 0 constraint customers_savings_not_negative check (savings >= 0),
    -- The features of the segmentation, kept up by the purchase's own transaction.
    visits int not null default 0,
    spent bigint not null default 0,
    first_purchase_at timestamptz,
    last_purchase_at timestamptz,
    -- Spend by category id: {"coffee": 1250}.
    composition jsonb not null default '{}',
    segment_model uuid references segment_models,
    segment_index smallint not null default 0,
    -- Moves whenever the cards or the active one change: cached offers carry it in their key and so are never stale.
    offers_version bigint not null default 1
) with (fillfactor = 80); -- Room for the new features of a purchase beside the old: the indexes need not follow (HOT).
create index customers_by_segment on customers (segment_model, segment_index);

create table segment_changes (
    id bigint generated always as identity primary key,
    customer_id uuid not null references customers,
    at timestamptz not null,
    from_name jsonb not null,
    to_name jsonb not null,
    reason text not null
);
create index segment_changes_by_customer on segment_changes (customer_id, at desc);

create table cards (
    id uuid primary key,
    customer_id uuid not null references customers,
    scope_kind text not null constraint cards_scope_kind check (scope_kind in ('basket', 'category', 'product')),
    -- Category id or sku; '' for the basket.
    scope_ref text not null,
    subject text not null,
    rate_bp int not null constraint cards_rate_bounds check (rate_bp between 1 and 10000),
    valid_from timestamptz not null,
    valid_until timestamptz not null,
    active boolean not null default false,
    -- Structured reasons (domain::CardReason); said in the reader's language.
    reasons jsonb not null,
    -- Replaced by newer ones; kept because receipts point here.
    withdrawn_at timestamptz,
    constraint cards_window check (valid_from < valid_until)
);
create index cards_by_customer on cards (customer_id) where withdrawn_at is null;
create unique index cards_one_active on cards (customer_id) where active and withdrawn_at is null;
create unique index cards_one_of_a_kind on cards (customer_id, scope_kind) where withdrawn_at is null;

-- One-time codes: one live code a phone. The code is stored as HMAC-SHA-256 under the pepper.
create table login_codes (
    phone text primary key,
    code_hmac bytea not null,
    sent_at timestamptz not null,
    expires_at timestamptz not null,
    tries_left int not null,
    -- How many were asked for in a row: the wait before the next one doubles.
    sent_in_row int not null default 1
);

create table customer_logins (
    token_hash bytea primary key,
    customer_id uuid not null references customers on delete cascade,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null
);
create index customer_logins_by_customer on customer_logins (customer_id);

create table staff_logins (
    token_hash bytea primary key,
    staff_id uuid not null references staff on delete cascade,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null
);

-- What notify "sent" in a shop without a carrier; the demo shows it.
create table messages (
    id uuid primary key,
    channel text not null,
    recipient text not null,
    body text not null,
    created_at timestamptz not null
);
create index messages_newest on messages (created_at desc);

-- Steps of rotating codes that were used, and where: a code identifies once.
create table used_codes (
    customer_id uuid not null references customers,
    step bigint not null,
    till_id uuid not null references tills,
    session_id uuid,
    used_at timestamptz not null,
    constraint used_codes_key primary key (customer_id, step)
);

create table sessions (
    id uuid primary key,
    store_id uuid not null references stores,
    till_id uuid not null references tills,
    state text not null constraint sessions_state check (state in ('open', 'closed', 'partially_returned', 'cancelled')),
    version int not null,
    customer_id uuid references customers,
    -- What the till sent, and what was evaluated from it: prices, costs, the card, the floor, the time (law 6: replay).
    request jsonb not null,
    facts jsonb not null,
    -- The session as it was answered last (contract::till::Session).
    answer jsonb not null,
    evaluated_at timestamptz not null,
    expires_at timestamptz not null,
    receipt_id bigint
);
create index sessions_expiring on sessions (expires_at) where state = 'open';

-- Every purchase there is: closed at a till (session_id set) or imported (import_id set).
create table receipts (
    id bigint generated by default as identity primary key,
    source text not null constraint receipts_source check (source in ('till', 'import')),
    -- Of an import: one per import call. Of a till: null.
    import_id uuid,
    session_id uuid,
    store_id uuid references stores,
    till_id uuid references tills,
    number text not null,
    -- No foreign key on purpose: customers are never deleted, the writer holds or has just written the customer's row, and
    -- the check would cost an import a tenth of its time.
    customer_id uuid,
    kind text not null constraint receipts_kind check (kind in ('sale', 'return')),
    at timestamptz not null,
    lines int not null,
    -- Before discount, taken off, and what was paid. Negative on returns.
    subtotal bigint not null,
    discount bigint not null,
    total bigint not null,
    cancelled_at timestamptz,
    constraint receipts_adds_up check (total = subtotal - discount)
);
create unique index receipts_till_number_key on receipts (store_id, till_id, number) where source = 'till';
create unique index receipts_import_number_key on receipts (number) where source = 'import';
create unique index receipts_session_key on receipts (session_id) where session_id is not null;
create index receipts_by_customer on receipts (customer_id, at desc) where customer_id is not null;

-- No foreign keys here on purpose: this is the largest table, written only beside its receipt in one transaction.
create table receipt_lines (
    receipt_id bigint not null,
    position int not null,
    sku text not null,
    -- Negative on returns.
    quantity int not null,
    unit_price bigint not null,
    discount bigint not null default 0,
    -- Of one unit when it was sold; null where it was not known.
    unit_cost bigint,
    -- Who paid for the discount (contract::till::Allocation); null where there was none.
    allocations jsonb,
    constraint receipt_lines_pkey primary key (receipt_id, position)
);

create table imports (
    id uuid primary key,
    file_name text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null,
    -- services::import::Report: every line accounted for.
    report jsonb not null
);

-- Law 4: the answer is stored in the transaction that earned it, and replayed.
create table idempotency_keys (
    -- Whose key it is: a till's id, so that two tills may choose the same text.
    owner uuid not null,
    key text not null,
    -- SHA-256 of the operation and the body.
    request_hash bytea not null,
    body text not null,
    created_at timestamptz not null,
    constraint idempotency_keys_key primary key (owner, key)
);
create index idempotency_keys_old on idempotency_keys (created_at);

-- Law 10: written with the change, read by the relay after the commit.
create table outbox (
    id bigint generated always as identity primary key,
    event_id uuid not null constraint outbox_event_id_key unique,
    topic text not null,
    key text not null,
    schema int not null,
    occurred_at timestamptz not null,
    payload jsonb not null,
    published_at timestamptz
);
create index outbox_unpublished on outbox (id) where published_at is null;

-- The default bus: a log in PostgreSQL, one offset a topic, and how far each group has read.
create table event_log (
    topic text not null,
    "offset" bigint not null,
    event_id uuid not null,
    key text not null,
    schema int not null,
    occurred_at timestamptz not null,
    payload jsonb not null,
    constraint event_log_pkey primary key (topic, "offset"),
    constraint event_log_event_key unique (topic, event_id)
);
create table event_groups (
    group_name text not null,
    topic text not null,
    next_offset bigint not null default 0,
    primary key (group_name, topic)
);
