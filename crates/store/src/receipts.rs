//! Receipts of the tills: what was sold, at which price, who paid for the discount, and what it had cost.

use chrono::{DateTime, Utc};
use domain::{Amount, CustomerId, SessionId, Sku, StoreId, TillId};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

/// A purchase at a till. `total = subtotal - discount`, and all three are the sums of the lines.
#[derive(Clone, Debug, PartialEq)]
pub struct NewReceipt {
    pub session: SessionId,
    pub store: StoreId,
    pub till: TillId,
    pub number: String,
    pub customer: Option<CustomerId>,
    pub at: DateTime<Utc>,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
    pub lines: Vec<NewReceiptLine>,
}

/// A line as it was sold; its position is its place in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct NewReceiptLine {
    pub sku: Sku,
    pub quantity: u32,
    pub unit_price: Amount,
    pub discount: Amount,
    /// Of one unit, at this moment; `None` where it was not known.
    pub unit_cost: Option<Amount>,
    /// `contract::till::Allocation`s as JSON; `None` where nothing was taken off.
    pub allocations: Option<String>,
}

/// Writes the receipt with all its lines in one statement and gives its id.
///
/// # Errors
/// `receipts_till_number_key` when this till has used the number before, `receipts_session_key` for a session that has a
/// receipt already.
pub async fn insert(tx: &mut Tx, receipt: NewReceipt) -> Result<i64, StoreError> {
    let lines = &receipt.lines;
    let whole = |quantity: u32| i32::try_from(quantity).unwrap_or(i32::MAX);
    Ok(sqlx::query_scalar(
        "with receipt as ( \
             insert into receipts (source, session_id, store_id, till_id, number, customer_id, kind, at, lines, subtotal, \
                 discount, total) values ('till', $1, $2, $3, $4, $5, 'sale', $6, $7, $8, $9, $10) returning id), \
         line as ( \
             insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost, allocations) \
             select receipt.id, place - 1, sku, quantity, unit_price, discount, unit_cost, allocations \
             from receipt, unnest($11::text[], $12::int[], $13::bigint[], $14::bigint[], $15::bigint[], $16::text[]) \
                 with ordinality as sold (sku, quantity, unit_price, discount, unit_cost, allocations, place)) \
         select id from receipt",
    )
    .bind(receipt.session.0)
    .bind(receipt.store.0)
    .bind(receipt.till.0)
    .bind(&receipt.number)
    .bind(receipt.customer.map(|customer| customer.0))
    .bind(receipt.at)
    .bind(i32::try_from(lines.len()).unwrap_or(i32::MAX))
    .bind(receipt.subtotal.0)
    .bind(receipt.discount.0)
    .bind(receipt.total.0)
    .bind(lines.iter().map(|line| line.sku.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| whole(line.quantity)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.unit_price.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.discount.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.unit_cost.map(|cost| cost.0)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.allocations.as_deref()).collect::<Vec<_>>())
    .fetch_one(&mut **tx)
    .await?)
}

/// Says that a session's purchase no longer counts, nor what came back of it; `false` when it was cancelled before, or
/// never made.
///
/// # Errors
/// Only when the store is away.
pub async fn cancel(tx: &mut Tx, session: SessionId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query("update receipts set cancelled_at = $2 where session_id = $1 and cancelled_at is null")
        .bind(session.0)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Says that a session's sale no longer counts because it was opened again: its number is free.
///
/// # Errors
/// Only when the store is away.
pub async fn reopen(tx: &mut Tx, session: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "update receipts set cancelled_at = $2, reopened_at = $2 \
         where session_id = $1 and kind = 'sale' and cancelled_at is null",
    )
    .bind(session.0)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A line of a sale as it stands in the books.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow)]
pub struct Booked {
    pub sku: String,
    pub quantity: i32,
    pub unit_price: i64,
    pub discount: i64,
    pub unit_cost: Option<i64>,
    pub allocations: Option<Value>,
}

/// A sale that somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub number: String,
    /// `None` for one that was imported, or made offline.
    pub session: Option<SessionId>,
    pub imported: bool,
}

impl Store {
    /// The sales of this number, or the one of this id, or of this session.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn sales_named(&self, which: &str) -> Result<Vec<Named>, StoreError> {
        let rows: Vec<(String, Option<Uuid>, bool)> = sqlx::query_as(
            "select number, session_id, source = 'import' from receipts \
             where kind = 'sale' and reopened_at is null and (number = $1 or id = $2 or session_id = $3) order by id limit 100",
        )
        .bind(which)
        .bind(which.parse::<i64>().ok())
        .bind(which.parse::<Uuid>().ok())
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|(number, session, imported)| Named { number, session: session.map(SessionId), imported })
            .collect())
    }

    /// The lines of a session's sale, in order of position.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn booked_lines(&self, session: SessionId) -> Result<Vec<Booked>, StoreError> {
        Ok(sqlx::query_as(
            "select l.sku, l.quantity, l.unit_price, l.discount, l.unit_cost, l.allocations::jsonb as allocations from receipts r \
             join receipt_lines l on l.receipt_id = r.id \
             where r.session_id = $1 and r.kind = 'sale' and r.reopened_at is null order by l.position",
        )
        .bind(session.0)
        .fetch_all(self.pool())
        .await?)
    }

    /// Whether a till has used a receipt's number, and for which session: `Some(None)` for one without a session.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn receipt_of_number(
        &self,
        store: StoreId,
        till: TillId,
        number: &str,
    ) -> Result<Option<Option<SessionId>>, StoreError> {
        let row: Option<Option<Uuid>> = sqlx::query_scalar(
            "select session_id from receipts where source = 'till' and kind = 'sale' \
             and reopened_at is null and store_id = $1 and till_id = $2 and number = $3",
        )
        .bind(store.0)
        .bind(till.0)
        .bind(number)
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|session| session.map(SessionId)))
    }
}
