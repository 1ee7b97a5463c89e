-- Accounts that were deleted, and those that were merged into another. Their rows stay, because receipts, ledger and sums do.

alter table customers
    -- Nothing personal is left in this row.
    add column erased_at timestamptz,
    -- This one is that one: whatever comes for it counts there. Never of more than one step.
    add column merged_into uuid constraint customers_merged_into_fkey references customers
        constraint customers_merged_elsewhere check (merged_into <> id);
create index customers_merged on customers (merged_into) where merged_into is not null;

-- What is still to be taken out of what was stored of an erased customer's baskets; and, for a while, whose limits hold for
-- who comes back with the same phone. Of the phone only HMAC-SHA-256 under a secret of the shop: numbers can be counted up.
create table erasures (
    customer_id uuid primary key references customers,
    erased_at timestamptz not null,
    scrubbed_at timestamptz,
    phone_hmac bytea constraint erasures_phone_hmac_length check (length(phone_hmac) = 32)
);
create index erasures_by_phone on erasures (phone_hmac) where phone_hmac is not null;
