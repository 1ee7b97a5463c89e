//! What marketing sees of the segments, in one set-based query over all receipts that were not cancelled.

use chrono::{DateTime, Utc};
use domain::{Locale, SegmentModelId};
use std::collections::BTreeMap;

use crate::{Store, StoreError};

/// One segment. Money in minor units; medians over its members who have bought.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct SegmentFigures {
    pub segment: i16,
    pub size: i64,
    pub recency_days: f64,
    pub frequency: f64,
    pub monetary: f64,
    pub average_basket: f64,
    pub revenue: i64,
    pub discount: i64,
    /// What was paid for lines whose cost is known, and that cost.
    pub costed_revenue: i64,
    pub cost: Option<i64>,
    /// Of who came more than once: days between visits, and their standard deviation; medians.
    pub gap_days: Option<f64>,
    pub gap_spread_days: Option<f64>,
    /// Visits, and those of them with a discount.
    pub visits: i64,
    pub discounted: i64,
    /// What was paid back for goods.
    pub returned: i64,
    /// Visits by hour of the day and by day of the week, Monday first.
    pub hours: Vec<i64>,
    pub weekdays: Vec<i64>,
    /// Spend by category title.
    #[sqlx(json)]
    pub composition: BTreeMap<String, i64>,
}

impl Store {
    /// The segments of `model` that have members; who is not placed by it is a newcomer (0). `now` ends the history of
    /// who has bought at a till, the newest imported receipt that of everybody else.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn segment_figures(
        &self,
        model: Option<SegmentModelId>,
        now: DateTime<Utc>,
        locale: Locale,
    ) -> Result<Vec<SegmentFigures>, StoreError> {
        let sql = "with placed as (
                select id, case when segment_model = $1 then segment_index else 0 end as segment, visits, read.habits,
                    extract(epoch from last_purchase_at - first_purchase_at)::float8 / 86400
                        / nullif(greatest(visits, 1) - 1, 0) as gap,
                    (read.habits ->> 'gap_squares')::float8 / (1440.0 * 1440.0) / nullif(greatest(visits, 1) - 1, 0) as gap_square
                from customers c cross join lateral (select c.habits::jsonb as habits offset 0) read
            ), counted as (
                select p.segment, part.name, n.place, sum(n.count::bigint) as count
                from placed p cross join (values ('hours'), ('weekdays')) as part (name)
                    cross join jsonb_array_elements_text(p.habits -> part.name) with ordinality as n (count, place)
                where p.visits > 0
                group by p.segment, part.name, n.place
            ), rhythms as (
                select segment, array_agg(count::bigint order by place) filter (where name = 'hours') as hours,
                    array_agg(count::bigint order by place) filter (where name = 'weekdays') as weekdays
                from counted group by segment
            ), paid as (
                select customer_id, count(*) filter (where kind = 'sale') as visits, sum(total) as revenue,
                    sum(discount) as discount, max(at) filter (where kind = 'sale') as last,
                    bool_or(source = 'till' and kind = 'sale') as at_till
                from receipts where customer_id is not null and cancelled_at is null group by customer_id
            ), ends as (
                select max((report ->> 'last_at')::timestamptz) as imports from imports
            ), bought as (
                select p.segment, l.sku, sum(l.quantity * l.unit_price - l.discount) as spend,
                    sum(l.quantity * l.unit_price - l.discount) filter (where l.unit_cost is not null) as costed,
                    sum(l.quantity * l.unit_cost) as cost
                from receipt_lines l join receipts r on r.id = l.receipt_id join placed p on p.id = r.customer_id
                where r.cancelled_at is null
                group by p.segment, l.sku
            ), categories_bought as (
                select b.segment, coalesce(case when $3 = 'ru' then c.title_ru else c.title_en end,
                    case when $3 = 'ru' then 'Другое' else 'Other' end) as title, sum(b.spend) as spend
                from bought b left join products p on p.sku = b.sku left join categories c on c.id = p.category
                group by 1, 2
            ), composed as (
                select segment, jsonb_object_agg(title, spend::bigint) as composition
                from categories_bought group by segment
            ), costs as (
                select segment, sum(costed) as costed, sum(cost) as cost from bought group by segment
            ), people as (
                select p.segment, count(*) as size,
                    percentile_cont(0.5) within group (order by greatest(0, extract(epoch from
                        case when d.at_till then $2 else coalesce(e.imports, $2) end - d.last) / 86400)::float8) filter (where d.last is not null)
                        as recency_days,
                    percentile_cont(0.5) within group (order by d.visits::float8) as frequency,
                    percentile_cont(0.5) within group (order by d.revenue::float8) as monetary,
                    percentile_cont(0.5) within group (order by d.revenue::float8 / nullif(d.visits, 0)) as average_basket,
                    percentile_cont(0.5) within group (order by p.gap) as gap_days,
                    percentile_cont(0.5) within group (order by sqrt(greatest(0, p.gap_square - p.gap * p.gap)))
                        as gap_spread_days,
                    sum(p.visits) as visits, sum((p.habits ->> 'discounted')::bigint) as discounted,
                    sum((p.habits ->> 'returned')::bigint) as returned,
                    sum(d.revenue) as revenue, sum(d.discount) as discount
                from placed p cross join ends e left join paid d on d.customer_id = p.id
                group by p.segment
            )
            select n.segment::smallint, n.size, coalesce(n.recency_days, 0) as recency_days,
                coalesce(n.frequency, 0) as frequency, coalesce(n.monetary, 0) as monetary,
                coalesce(n.average_basket, 0) as average_basket, coalesce(n.revenue, 0)::bigint as revenue,
                coalesce(n.discount, 0)::bigint as discount, coalesce(k.costed, 0)::bigint as costed_revenue,
                k.cost::bigint as cost, coalesce(m.composition, '{}') as composition, n.gap_days, n.gap_spread_days,
                coalesce(n.visits, 0)::bigint as visits, coalesce(n.discounted, 0)::bigint as discounted,
                coalesce(n.returned, 0)::bigint as returned, coalesce(h.hours, '{}') as hours,
                coalesce(h.weekdays, '{}') as weekdays
            from people n left join costs k on k.segment = n.segment left join composed m on m.segment = n.segment
                left join rhythms h on h.segment = n.segment
            order by n.segment";
        Ok(sqlx::query_as(sql).bind(model.map(|m| m.0)).bind(now).bind(locale.tag()).fetch_all(self.pool()).await?)
    }
}
