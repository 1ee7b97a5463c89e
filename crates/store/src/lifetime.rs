//! Purchases by customer and day, and the newest forecast of what customers are worth.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use domain::SegmentModelId;
use uuid::Uuid;

use crate::json_text::JsonText;
use crate::{Store, StoreError, Tx};

/// What a customer bought on one day of the shop's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PurchaseDay {
    pub customer: Uuid,
    /// Where the customer was placed by the model in use; 0 when by none.
    pub segment: i16,
    /// Days since 2000-01-01.
    pub day: i32,
    /// Minor units.
    pub paid: i64,
    /// Purchases of that day.
    pub visits: i32,
}

/// The forecast as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredForecast {
    pub made_at: DateTime<Utc>,
    pub segment_model: Option<Uuid>,
    pub forecast: serde_json::Value,
}

/// The first and the last day with a purchase; `None` where there is none.
///
/// # Errors
/// Only when the database fails; so everywhere in this module.
pub async fn span(tx: &mut Tx, zone: &str) -> Result<Option<(i32, i32)>, StoreError> {
    let sql = "select (min(at) at time zone $1)::date - date '2000-01-01', (max(at) at time zone $1)::date - date '2000-01-01'
        from receipts where customer_id is not null and kind = 'sale' and cancelled_at is null";
    let (first, last): (Option<i32>, Option<i32>) = sqlx::query_as(sql).bind(zone).fetch_one(&mut **tx).await?;
    Ok(first.zip(last))
}

/// What these customers spent by category, up to now.
pub async fn compositions(tx: &mut Tx, of: &[Uuid]) -> Result<HashMap<Uuid, BTreeMap<String, i64>>, StoreError> {
    let rows: Vec<(Uuid, JsonText<BTreeMap<String, i64>>)> =
        sqlx::query_as("select id, composition from customers where id = any($1)")
            .bind(of)
            .fetch_all(&mut **tx)
            .await?;
    Ok(rows.into_iter().map(|(id, composition)| (id, composition.0)).collect())
}

/// The purchases of the next `customers` customers after this one, in order of customer and day. Says who was the last.
pub async fn purchase_days(
    tx: &mut Tx,
    model: Option<SegmentModelId>,
    zone: &str,
    after: Option<Uuid>,
    customers: i64,
) -> Result<(Vec<PurchaseDay>, Option<Uuid>), StoreError> {
    let after = after.unwrap_or_default();
    let last: Option<Uuid> = sqlx::query_scalar(
        "select id from (select id from customers where id > $1 order by id limit $2) page
        order by id desc limit 1",
    )
    .bind(after)
    .bind(customers)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let days = sqlx::query_as(
        "select c.id as customer, case when c.segment_model = $3 then c.segment_index else 0::smallint end as segment,
            ((r.at at time zone $4)::date - date '2000-01-01') as day, sum(r.total)::bigint as paid,
            count(*)::int as visits
        from customers c join receipts r on r.customer_id = c.id
        where c.id > $1 and c.id <= $2 and r.kind = 'sale' and r.cancelled_at is null
        group by c.id, segment, day order by c.id, day",
    )
    .bind(after)
    .bind(last)
    .bind(model.map(|model| model.0))
    .bind(zone)
    .fetch_all(&mut **tx)
    .await?;
    Ok((days, Some(last)))
}

/// What was paid for lines whose cost is known, and that cost, in minor units.
pub async fn costed(tx: &mut Tx) -> Result<(i64, i64), StoreError> {
    let sql = "select coalesce(sum(l.quantity * l.unit_price - l.discount), 0)::bigint,
            coalesce(sum(l.quantity * l.unit_cost), 0)::bigint
        from receipts r join receipt_lines l on l.receipt_id = r.id
        where r.cancelled_at is null and l.unit_cost is not null";
    Ok(sqlx::query_as(sql).fetch_one(&mut **tx).await?)
}

/// Puts a forecast in the place of the one before.
pub async fn keep_forecast(tx: &mut Tx, forecast: &StoredForecast) -> Result<(), StoreError> {
    let sql = "insert into lifetime_forecasts (made_at, segment_model, forecast) values ($1, $2, $3)
        on conflict (only_row) do update set made_at = excluded.made_at, segment_model = excluded.segment_model,
            forecast = excluded.forecast";
    sqlx::query(sql)
        .bind(forecast.made_at)
        .bind(forecast.segment_model)
        .bind(&forecast.forecast)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    pub async fn lifetime_forecast(&self) -> Result<Option<StoredForecast>, StoreError> {
        let sql = "select made_at, segment_model, forecast from lifetime_forecasts";
        Ok(sqlx::query_as(sql).fetch_optional(self.pool()).await?)
    }
}
