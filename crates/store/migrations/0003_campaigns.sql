-- Campaigns: rule sets by revision, coupon codes, and one ledger for everything that is limited. Only adds.

-- Every rule set that was ever in force, exactly as it was checked: a session is pinned to one, and replay reads it again.
create table rule_sets (
    revision bigint generated always as identity primary key,
    published_at timestamptz not null,
    -- Who published it, in words: a log-in, or what the integrator's key is called.
    published_by text not null,
    -- promotions::Params as JSON. Text, not jsonb: the very bytes that were checked.
    params text not null,
    sha256 bytea not null constraint rule_sets_sha256_length check (length(sha256) = 32)
);

-- The one in force; null: a shop without campaigns.
alter table shop add column rules_revision bigint constraint shop_rules_revision_fkey references rule_sets;
-- Windows of campaigns are local: to this IANA zone, and to the shop's where there is none.
alter table stores add column time_zone text;

-- What is limited: the uses of a coupon, a budget in money or in redemptions, each by customer, store, segment and period
-- as its key says (promotions::Rules makes the keys).
create table limit_accounts (
    id bigint generated always as identity primary key,
    key text collate "C" not null constraint limit_accounts_key unique
        constraint limit_accounts_key_length check (length(key) between 1 and 512),
    -- The limit of the rules that touched it last, and never less than what is taken: a rule set may lower its limit under
    -- what was given already, and then nothing more is given.
    ceiling bigint not null,
    committed bigint not null default 0 constraint limit_accounts_committed check (committed >= 0),
    reserved bigint not null default 0 constraint limit_accounts_reserved check (reserved >= 0),
    constraint limit_accounts_within check (committed + reserved <= ceiling)
) with (fillfactor = 70); -- Counters move often and are no part of an index: room for the new row beside the old (HOT).

-- What open sessions hold of an account. The sum of an account's holds is its `reserved`, expired ones included until
-- somebody releases them.
create table limit_holds (
    session_id uuid not null,
    account_id bigint not null references limit_accounts,
    -- Customer, or till of a session without one: nobody may hold for many sessions at once.
    holder uuid not null,
    amount bigint not null constraint limit_holds_positive check (amount > 0),
    expires_at timestamptz not null,
    constraint limit_holds_pkey primary key (session_id, account_id)
) with (fillfactor = 80);
create index limit_holds_by_account on limit_holds (account_id, expires_at);
create index limit_holds_by_holder on limit_holds (holder);

-- The ledger. Of every account: reserved = reserve - release - commit, and committed = commit - return.
create table limit_entries (
    id bigint generated always as identity primary key,
    account_id bigint not null references limit_accounts,
    session_id uuid not null,
    kind text not null constraint limit_entries_kind check (kind in ('reserve', 'release', 'commit', 'return')),
    amount bigint not null constraint limit_entries_positive check (amount > 0),
    at timestamptz not null
);
create index limit_entries_by_session on limit_entries (session_id);

-- Codes that were made together.
create table coupon_batches (
    id uuid primary key,
    campaign_id uuid not null,
    prefix text not null default '',
    count bigint not null constraint coupon_batches_count check (count between 1 and 100000000),
    -- How many there are by now; the rest is made by whoever takes the batch up.
    made bigint not null default 0,
    starts_at timestamptz,
    ends_at timestamptz,
    created_at timestamptz not null,
    finished_at timestamptz,
    -- Stopped before the end: what was made stays good.
    stopped_at timestamptz,
    -- Why nobody goes on with it, for whoever asks.
    failure text,
    constraint coupon_batches_made check (made between 0 and count),
    constraint coupon_batches_window check (starts_at < ends_at)
);
create index coupon_batches_unfinished on coupon_batches (created_at) where finished_at is null and stopped_at is null;

create table coupons (
    -- As domain::CouponCode has it: upper case, without separators.
    code text collate "C" constraint coupons_pkey primary key
        constraint coupons_code_length check (length(code) between 3 and 64),
    campaign_id uuid not null,
    batch_id uuid,
    -- The place in the batch: a batch that is taken up again cannot make one twice.
    number bigint,
    -- Only this customer may use it.
    recipient uuid,
    starts_at timestamptz,
    ends_at timestamptz,
    disabled_at timestamptz,
    constraint coupons_window check (starts_at < ends_at),
    constraint coupons_of_batch check ((batch_id is null) = (number is null))
);
create unique index coupons_batch_number_key on coupons (batch_id, number) where batch_id is not null;
create index coupons_by_campaign on coupons (campaign_id) where batch_id is null;
