-- What each customer is likely to take next, the likeliest first: by the night's ranking, and anew within the hour after they bought.
create table picks (
    customer_id uuid primary key references customers,
    made_at timestamptz not null,
    -- services::picks::Pick
    picks jsonb not null
);
