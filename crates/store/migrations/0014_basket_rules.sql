-- What is bought together: the newest answer, as it was worked out from all baskets of a stretch of time.
create table basket_rules (
    only_row boolean primary key default true constraint basket_rules_is_one check (only_row),
    made_at timestamptz not null,
    -- The oldest basket that was looked at.
    since timestamptz not null,
    baskets bigint not null constraint basket_rules_baskets check (baskets >= 0),
    -- services::together::Rules: products by sku, categories by id.
    rules jsonb not null
);
