-- What customers are worth from now on: the newest forecast, as it was fitted on all purchases.
create table lifetime_forecasts (
    only_row boolean primary key default true constraint lifetime_forecasts_is_one check (only_row),
    made_at timestamptz not null,
    -- The segments that the means are of; null before the first fit.
    segment_model uuid references segment_models,
    -- services::lifetime::Forecast.
    forecast jsonb not null
);
