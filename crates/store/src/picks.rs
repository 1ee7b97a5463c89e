//! What customers bought, as a ranking learns it, and what it says of each.

use chrono::{DateTime, Utc};
use domain::CustomerId;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A sale to a customer.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Sold {
    pub customer: Uuid,
    /// Minutes since Monday 2020-01-06, on the shop's clocks.
    pub at: i64,
    pub skus: Vec<String>,
}

/// Products that may be offered, those that are sold most since a moment first.
///
/// # Errors
/// Only when the database fails; so everywhere in this module.
pub async fn offered_skus(tx: &mut Tx, since: DateTime<Utc>, most: i64) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select p.sku from products p left join ( \
             select l.sku, count(*) as times from receipts r join receipt_lines l on l.receipt_id = r.id \
             where r.at >= $1 and r.kind = 'sale' and r.cancelled_at is null group by l.sku) sold on sold.sku = p.sku \
         where p.offerable and p.cost is not null order by coalesce(sold.times, 0) desc, p.sku limit $2",
    )
    .bind(since)
    .bind(most)
    .fetch_all(&mut **tx)
    .await?)
}

/// The next customers after this one who bought since a moment.
pub async fn page(
    tx: &mut Tx,
    since: DateTime<Utc>,
    after: Option<Uuid>,
    customers: i64,
) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar(
        "select id from customers where last_purchase_at >= $1 and merged_into is null and erased_at is null \
             and id > $2 order by id limit $3",
    )
    .bind(since)
    .bind(after.unwrap_or_default())
    .bind(customers)
    .fetch_all(&mut **tx)
    .await?)
}

/// How many customers bought since a moment.
pub async fn customers(tx: &mut Tx, since: DateTime<Utc>) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from customers where last_purchase_at >= $1 and merged_into is null and erased_at is null",
    )
    .bind(since)
    .fetch_one(&mut **tx)
    .await?;
    Ok(count.unsigned_abs())
}

/// Customers who bought after their picks were made.
pub async fn outdated(tx: &mut Tx, customers: i64) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar(
        "select c.id from customers c join picks p on p.customer_id = c.id where c.last_purchase_at > p.made_at \
             and c.merged_into is null and c.erased_at is null order by c.last_purchase_at limit $1",
    )
    .bind(customers)
    .fetch_all(&mut **tx)
    .await?)
}

/// What these customers bought since a moment of what may be offered, in order of customer and time.
pub async fn sold_to(
    tx: &mut Tx,
    customers: &[Uuid],
    since: DateTime<Utc>,
    zone: &str,
) -> Result<Vec<Sold>, StoreError> {
    Ok(sqlx::query_as(
        "select r.customer_id as customer, \
             (extract(epoch from (r.at at time zone $3) - timestamp '2020-01-06') / 60)::bigint as at, \
             array_agg(distinct l.sku) as skus \
         from receipts r join receipt_lines l on l.receipt_id = r.id join products p on p.sku = l.sku \
         where r.customer_id = any($1) and r.at >= $2 and r.kind = 'sale' and r.cancelled_at is null \
             and l.quantity > 0 and p.offerable \
         group by r.id order by r.customer_id, r.at, r.id",
    )
    .bind(customers)
    .bind(since)
    .bind(zone)
    .fetch_all(&mut **tx)
    .await?)
}

/// Puts picks in the place of those before.
pub async fn keep<P: serde::Serialize>(
    tx: &mut Tx,
    picks: &[(Uuid, Vec<P>)],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into picks (customer_id, made_at, picks) select id, $3, picks \
         from unnest($1::uuid[], $2::jsonb[]) as new (id, picks) \
         on conflict (customer_id) do update set made_at = excluded.made_at, picks = excluded.picks",
    )
    .bind(picks.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(picks.iter().map(|(_, picks)| Json(picks)).collect::<Vec<_>>())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a customer is likely to take, as it was kept; nothing where nothing is.
pub async fn of(tx: &mut Tx, customer: CustomerId) -> Result<Option<serde_json::Value>, StoreError> {
    Ok(sqlx::query_scalar("select picks from picks where customer_id = $1")
        .bind(customer.0)
        .fetch_optional(&mut **tx)
        .await?)
}

/// What is no longer likely enough to be kept: of customers who have not bought since a moment.
pub async fn forget(tx: &mut Tx, since: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "delete from picks p using customers c where c.id = p.customer_id \
             and (c.last_purchase_at < $1 or c.merged_into is not null or c.erased_at is not null)",
    )
    .bind(since)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

impl Store {
    /// When the oldest and the newest of all picks were made; `None` before there are any.
    pub async fn picks_made(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(sqlx::query_scalar("select min(made_at) from picks").fetch_one(self.pool()).await?)
    }
}
