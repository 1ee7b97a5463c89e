//! What offers cost and what customers brought: the sums that marketing's figures are made of.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Amount, Rate};
use uuid::Uuid;

use super::{By, rate};
use crate::{Store, StoreError, Tx};

/// What cards took off from `from` on. Returns do not give it back: what was spent is spent.
pub async fn cards_cost(tx: &mut Tx, from: DateTime<Utc>) -> Result<Amount, StoreError> {
    let cost: i64 = sqlx::query_scalar(
        "select coalesce(sum((paid ->> 'amount')::bigint), 0)::bigint from receipts r \
         join receipt_lines l on l.receipt_id = r.id, jsonb_array_elements(l.allocations::jsonb) as paid \
         where r.at >= $1 and r.kind = 'sale' and r.cancelled_at is null and l.allocations is not null \
         and paid ->> 'source' = 'card'",
    )
    .bind(from)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Amount(cost))
}

/// What customers were expected to bring in a period; who has a forecast for it keeps it.
pub async fn keep_forecasts(tx: &mut Tx, period: i32, customers: &[Uuid], expected: &[f64]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into offer_forecasts (period, customer_id, expected) select $1, id, expected \
         from unnest($2::uuid[], $3::float8[]) as new (id, expected) on conflict do nothing",
    )
    .bind(period)
    .bind(customers)
    .bind(expected)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a customer brought in a stretch of time, and what was known of them before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brought {
    pub customer: Uuid,
    /// Margin after discount, returns taken off; minor units. What is of unknown cost brings nothing.
    pub margin: i64,
    /// The same in a stretch before it that is as long.
    pub margin_before: i64,
    /// What a model expected; `None` where none had been asked.
    pub expected: Option<f64>,
}

/// Offers that were made, by who decided them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub by: By,
    pub offers: u64,
    pub mean: Rate,
    /// Where the rule stood in for a model.
    pub stood_in: u64,
}

impl Store {
    /// What each customer brought from `from` to `until`, of those who were customers at `from`.
    pub async fn brought(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        period: i32,
    ) -> Result<Vec<Brought>, StoreError> {
        // Two lists that are put together here: PostgreSQL thinks that the sums are of few, and would look them through for each customer.
        let customers: Vec<(Uuid, Option<f64>)> = sqlx::query_as(
            "select c.id, f.expected from customers c \
             left join offer_forecasts f on f.customer_id = c.id and f.period = $2 \
             where c.created_at < $1 and c.merged_into is null and c.erased_at is null order by c.id",
        )
        .bind(from)
        .bind(period)
        .fetch_all(self.pool())
        .await?;
        let sums: Vec<(Uuid, i64, i64)> = sqlx::query_as(
            "select customer_id, coalesce(sum(earned) filter (where within), 0)::bigint, \
                 coalesce(sum(earned) filter (where not within), 0)::bigint \
             from (select r.customer_id, r.at >= $1 as within, case when l.unit_cost is null then 0 \
                     else (l.unit_price - l.unit_cost) * l.quantity - l.discount end as earned \
                 from receipts r join receipt_lines l on l.receipt_id = r.id \
                 where r.at >= $1 - ($2 - $1) and r.at < $2 and r.customer_id is not null and r.cancelled_at is null) lines \
             group by customer_id",
        )
        .bind(from)
        .bind(until)
        .fetch_all(self.pool())
        .await?;
        let sums: HashMap<Uuid, (i64, i64)> = sums.into_iter().map(|(id, now, before)| (id, (now, before))).collect();
        let brought = customers.into_iter().map(|(customer, expected)| {
            let (margin, margin_before) = sums.get(&customer).copied().unwrap_or_default();
            Brought { customer, margin, margin_before, expected }
        });
        Ok(brought.collect())
    }

    /// How many offers were made from `since` on, by who decided them.
    pub async fn offers_made(&self, since: DateTime<Utc>) -> Result<Vec<Made>, StoreError> {
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "select policy, count(*), round(avg(rate_bp))::bigint, count(stands_in) from offers where at >= $1 \
             group by policy order by count(*) desc, policy",
        )
        .bind(since)
        .fetch_all(self.pool())
        .await?;
        let made = rows.into_iter().map(|(policy, offers, mean, stood_in)| {
            Ok(Made {
                by: By::parse(&policy)?,
                offers: offers.unsigned_abs(),
                mean: rate(i32::try_from(mean).unwrap_or(i32::MAX))?,
                stood_in: stood_in.unsigned_abs(),
            })
        });
        made.collect()
    }
}
