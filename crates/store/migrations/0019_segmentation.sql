-- How the chain divides its customers, and where each came from.
alter table shop
    add column segment_method text not null default 'k_means'
        constraint shop_segment_method check (segment_method in ('k_means', 'dbscan')),
    -- Of K-Means; null is as many as the customers show.
    add column segment_count smallint constraint shop_segment_count check (segment_count between 1 and 64);

alter table customers
    -- By whose poster they came to register; null where they came by themselves, and of who was imported.
    add column registered_store uuid references stores,
    -- On that store's clock, or the shop's.
    add column registered_hour smallint
        constraint customers_registered_hour check (registered_hour between 0 and 23),
    add column invited_by uuid references customers;
