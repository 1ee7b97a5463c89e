-- How and when customers buy (docs/metrics.md). Zeros until the next fit of the segments, which brings all features in line
-- with the receipts.
alter table customers
    -- What the goods cost and brought, over lines whose cost is known: margin is the difference.
    add column cost bigint not null default 0,
    add column costed bigint not null default 0,
    -- store::segments::Habits
    add column habits jsonb not null default '{"discount": 0, "discounted": 0, "returned": 0, "returns": 0, "gap_squares": 0,
        "hours": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "weekdays": [0, 0, 0, 0, 0, 0, 0]}';

-- A zone that PostgreSQL does not know must not stop everybody's features from being counted.
create function known_zone(zone text) returns text language plpgsql stable as $$
begin
    perform now() at time zone zone;
    return zone;
exception when invalid_parameter_value then
    return 'UTC';
end
$$;
