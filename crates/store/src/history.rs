//! All that was sold, in the order of time, read as a stream: for whoever replays history.
//!
//! One read-only transaction with a cursor: constant memory, one moment of the books, and no lock that a till waits for.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Amount, CustomerId, Sku, StoreId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// What is read of history: sales from `from` on and before `until` that were not cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

/// A sale as it was booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastSale {
    pub id: i64,
    pub store: Option<StoreId>,
    pub customer: Option<CustomerId>,
    pub at: DateTime<Utc>,
    pub lines: Vec<PastLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastLine {
    pub sku: Sku,
    pub quantity: u32,
    pub unit_price: Amount,
    /// What was taken off then.
    pub discount: Amount,
    /// Of one unit, where it was known.
    pub unit_cost: Option<Amount>,
}

/// A customer as they are today, and how often they had come before a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCustomer {
    pub registered_at: DateTime<Utc>,
    pub birthday: Option<(u8, u8)>,
    pub segment_model: Option<Uuid>,
    pub segment_index: u16,
    pub visits: u32,
    pub last_purchase_at: Option<DateTime<Utc>>,
}

/// History while it is read.
pub struct History {
    tx: Tx,
    span: Span,
}

#[derive(sqlx::FromRow)]
struct SaleRow {
    id: i64,
    store_id: Option<Uuid>,
    customer_id: Option<Uuid>,
    at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct LineRow {
    receipt_id: i64,
    sku: String,
    quantity: i32,
    unit_price: i64,
    discount: i64,
    unit_cost: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct CustomerRow {
    id: Uuid,
    created_at: DateTime<Utc>,
    birth_month: Option<i16>,
    birth_day: Option<i16>,
    segment_model: Option<Uuid>,
    segment_index: i16,
    visits: i64,
    last: Option<DateTime<Utc>>,
}

impl Store {
    /// When the newest sale was; `None` before the first.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn last_sale_at(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(sqlx::query_scalar("select max(at) from receipts where kind = 'sale' and cancelled_at is null")
            .fetch_one(self.pool())
            .await?)
    }

    /// Opens history, and says how many sales it has.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn history(&self, span: Span) -> Result<(History, u64), StoreError> {
        let mut tx = self.pool().begin_with("begin isolation level repeatable read read only").await?;
        let count: i64 = sqlx::query_scalar(
            "select count(*) from receipts where kind = 'sale' and cancelled_at is null and at >= $1 and at < $2",
        )
        .bind(span.from)
        .bind(span.until)
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query(
            "declare past no scroll cursor for select id, store_id, customer_id, at from receipts \
             where kind = 'sale' and cancelled_at is null and at >= $1 and at < $2 order by at, id",
        )
        .bind(span.from)
        .bind(span.until)
        .execute(&mut *tx)
        .await?;
        Ok((History { tx, span }, count.unsigned_abs()))
    }
}

impl History {
    /// The next sales in the order of time, at most a thousand; none at the end.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn next(&mut self) -> Result<Vec<PastSale>, StoreError> {
        let heads: Vec<SaleRow> = sqlx::query_as("fetch 1000 from past").fetch_all(&mut *self.tx).await?;
        let ids: Vec<i64> = heads.iter().map(|head| head.id).collect();
        let rows: Vec<LineRow> = sqlx::query_as(
            "select receipt_id, sku, quantity, unit_price, discount, unit_cost from receipt_lines \
             where receipt_id = any($1) order by receipt_id, position",
        )
        .bind(&ids)
        .fetch_all(&mut *self.tx)
        .await?;
        let mut lines: HashMap<i64, Vec<PastLine>> = HashMap::with_capacity(ids.len());
        for row in rows {
            let corrupt = |why: &str| StoreError::corrupt("sku", why);
            let line = PastLine {
                sku: Sku::parse(row.sku).map_err(corrupt)?,
                quantity: u32::try_from(row.quantity).unwrap_or(0),
                unit_price: Amount(row.unit_price),
                discount: Amount(row.discount),
                unit_cost: row.unit_cost.map(Amount),
            };
            lines.entry(row.receipt_id).or_default().push(line);
        }
        Ok(heads
            .into_iter()
            .map(|head| PastSale {
                id: head.id,
                store: head.store_id.map(StoreId),
                customer: head.customer_id.map(CustomerId),
                at: head.at,
                lines: lines.remove(&head.id).unwrap_or_default(),
            })
            .collect())
    }

    /// Customers as they are today, with their visits before this history begins.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn customers(&mut self, ids: &[CustomerId]) -> Result<HashMap<CustomerId, PastCustomer>, StoreError> {
        let rows: Vec<CustomerRow> = sqlx::query_as(
            "select c.id, c.created_at, c.birth_month, c.birth_day, c.segment_model, c.segment_index, before.visits, \
                 before.last \
             from customers c cross join lateral (select count(*) as visits, max(r.at) as last from receipts r \
                 where r.customer_id = c.id and r.kind = 'sale' and r.cancelled_at is null and r.at < $2) before \
             where c.id = any($1)",
        )
        .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
        .bind(self.span.from)
        .fetch_all(&mut *self.tx)
        .await?;
        let birthday =
            |month: Option<i16>, day: Option<i16>| Some((u8::try_from(month?).ok()?, u8::try_from(day?).ok()?));
        Ok(rows
            .into_iter()
            .map(|row| {
                let customer = PastCustomer {
                    registered_at: row.created_at,
                    birthday: birthday(row.birth_month, row.birth_day),
                    segment_model: row.segment_model,
                    segment_index: u16::try_from(row.segment_index).unwrap_or(0),
                    visits: u32::try_from(row.visits).unwrap_or(u32::MAX),
                    last_purchase_at: row.last,
                };
                (CustomerId(row.id), customer)
            })
            .collect())
    }
}
