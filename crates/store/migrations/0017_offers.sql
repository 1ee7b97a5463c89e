-- Personal offers: what the chain allows, how customers answer, and a log of what was offered with which probability.
alter table shop
    -- 'rule': the segment's level. 'pilot': levels by chance, to learn from. 'learned': what the model in use says.
    add column discount_mode text not null default 'rule'
        constraint shop_discount_mode check (discount_mode in ('rule', 'pilot', 'learned')),
    -- Of who is held out and of offers by chance: drawn once, and never again.
    add column discount_seed bigint not null default 0,
    -- Of all customers, those who get no personal discount, so that it can be seen what discounts bring.
    add column held_out_bp int not null default 0
        constraint shop_held_out_bounds check (held_out_bp between 0 and 5000),
    -- No customer who is not held out is offered less or more; of the basket.
    add column discount_least_bp int not null default 0,
    add column discount_most_bp int not null default 1500,
    -- Of the offers of a model, those that are made to learn.
    add column exploring_bp int not null default 200
        constraint shop_exploring_bounds check (exploring_bp between 0 and 5000),
    -- What cards may cost a period; null is no limit.
    add column discount_budget bigint constraint shop_discount_budget check (discount_budget >= 0),
    -- Periods follow one another from this week on (weeks since Monday 2020-01-06).
    add column discount_period_from int not null default 0,
    add column discount_period_weeks int not null default 13
        constraint shop_discount_period check (discount_period_weeks between 1 and 104),
    add constraint shop_discount_bounds
        check (discount_least_bp between 0 and discount_most_bp and discount_most_bp between 250 and 3750);

create table response_models (
    id uuid primary key,
    version int not null constraint response_models_version_key unique,
    trained_at timestamptz not null,
    state text not null
        constraint response_models_state check (state in ('shadow', 'in_use', 'retired', 'rejected')),
    -- The last time that it came into use.
    used_at timestamptz,
    -- discount::response::Response
    model jsonb not null,
    -- services::policy::TrainingReport
    report jsonb not null,
    -- discount::personal::Plan and what it was made for (services::policy::StoredPlan); null before the first.
    plan jsonb,
    planned_at timestamptz
);
create unique index response_models_one_in_use on response_models (state) where state = 'in_use';
create unique index response_models_one_shadow on response_models (state) where state = 'shadow';

-- One row an offer. Never changed, never deleted: what is learned and what is claimed can be counted again from it.
create table offers (
    id bigint generated always as identity primary key,
    customer_id uuid not null references customers,
    at timestamptz not null,
    -- Who decided: 'rule', 'pilot', 'learned', or 'held_out', and then the rate is nothing.
    policy text not null constraint offers_policy check (policy in ('rule', 'pilot', 'learned', 'held_out')),
    -- Of the basket, before the margin floor.
    rate_bp int not null constraint offers_rate_bounds check (rate_bp between 0 and 10000),
    -- When it was decided; one that is renewed since keeps its own moment, and its probability.
    drawn_at timestamptz not null,
    -- The probability with which it was this rate.
    propensity double precision not null constraint offers_propensity check (propensity > 0 and propensity <= 1),
    model int,
    -- Why the rule answered in the model's place.
    stands_in text,
    -- What the shadow would have offered.
    shadow int,
    shadow_bp int,
    constraint offers_held_out_get_nothing check (policy <> 'held_out' or rate_bp = 0)
);
create index offers_by_customer on offers (customer_id, at);
create index offers_lately on offers (at) include (policy, rate_bp, stands_in);

-- Receipts come in nearly by time: this costs a purchase nothing, and spares whoever asks for a period the others.
create index receipts_by_time on receipts using brin (at) with (pages_per_range = 32);

-- What a customer was expected to bring without a discount, when a period began: known before anything of it was promised, so
-- that what they brought may be held against it.
create table offer_forecasts (
    period int not null,
    customer_id uuid not null references customers,
    -- Minor units of margin.
    expected double precision not null,
    constraint offer_forecasts_key primary key (period, customer_id)
);
