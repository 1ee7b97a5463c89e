//! Receipts that were made without asking: rows of `receipts` like every purchase, and beside each what is special to it.

use chrono::{DateTime, Utc};
use domain::{Amount, CustomerId, GrantId, StoreId, TillId};

use crate::receipts::NewReceiptLine;
use crate::{Store, StoreError, Tx};

/// A sale at a till that did not ask. `total = subtotal - discount`, and all three are the sums of the lines.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOfflineReceipt<'a> {
    pub store: StoreId,
    pub till: TillId,
    pub number: &'a str,
    pub customer: Option<CustomerId>,
    /// False when a code came with it that is nobody's.
    pub customer_known: bool,
    /// When it counts as bought.
    pub at: DateTime<Utc>,
    /// What the till's clock said.
    pub paid_at: Option<DateTime<Utc>>,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
    pub lines: &'a [NewReceiptLine],
    pub device_counter: i64,
    pub grant: Option<GrantId>,
    pub over_bound: Amount,
    /// The call that it came in, and its place there.
    pub sent: Sent<'a>,
    pub received_at: DateTime<Utc>,
}

/// One receipt of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    pub once_key: &'a str,
    pub place: i32,
}

/// A receipt of a till's number, however it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub total: Amount,
    /// Of one that was made offline: the call that brought it first, and what that was told.
    pub first: Option<First>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    pub once_key: String,
    pub place: i32,
    pub over_bound: Amount,
    pub customer_known: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    total: i64,
    once_key: Option<String>,
    place: Option<i32>,
    over_bound: Option<i64>,
    customer_known: Option<bool>,
}

impl Store {
    /// Whether this till has a receipt of this number.
    ///
    /// # Errors
    /// What the database says.
    pub async fn known_receipt(&self, till: TillId, number: &str, store: StoreId) -> Result<Option<Known>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "select r.total, o.once_key, o.place, o.over_bound, o.customer_known \
             from receipts r left join offline_receipts o on o.receipt_id = r.id \
             where r.source = 'till' and r.store_id = $1 and r.till_id = $2 and r.number = $3",
        )
        .bind(store.0)
        .bind(till.0)
        .bind(number)
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|row| {
            let (key, place, over, known) = (row.once_key, row.place, row.over_bound, row.customer_known);
            let first = key.zip(place).zip(over).zip(known).map(|(((once_key, place), over), customer_known)| First {
                once_key,
                place,
                over_bound: Amount(over),
                customer_known,
            });
            Known { total: Amount(row.total), first }
        }))
    }
}

/// Writes the receipt with its lines and what is special to it, in one statement.
///
/// # Errors
/// `receipts_till_number_key` when this till has used the number before.
pub async fn insert(tx: &mut Tx, receipt: &NewOfflineReceipt<'_>) -> Result<i64, StoreError> {
    let lines = receipt.lines;
    let whole = |quantity: u32| i32::try_from(quantity).unwrap_or(i32::MAX);
    Ok(sqlx::query_scalar(
        "with receipt as ( \
             insert into receipts (source, store_id, till_id, number, customer_id, kind, at, lines, subtotal, discount, \
                 total) values ('till', $1, $2, $3, $4, 'sale', $5, $6, $7, $8, $9) returning id), \
         line as ( \
             insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost, allocations) \
             select receipt.id, place - 1, sku, quantity, unit_price, discount, unit_cost, allocations \
             from receipt, unnest($10::text[], $11::int[], $12::bigint[], $13::bigint[], $14::bigint[], $15::text[]) \
                 with ordinality as sold (sku, quantity, unit_price, discount, unit_cost, allocations, place)), \
         beside as ( \
             insert into offline_receipts (receipt_id, till_id, device_counter, grant_id, over_bound, once_key, place, \
                 customer_known, paid_at, received_at) \
             select id, $2, $16, $17, $18, $19, $20, $21, $22, $23 from receipt) \
         select id from receipt",
    )
    .bind(receipt.store.0)
    .bind(receipt.till.0)
    .bind(receipt.number)
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
    .bind(receipt.device_counter)
    .bind(receipt.grant.map(|grant| grant.0))
    .bind(receipt.over_bound.0)
    .bind(receipt.sent.once_key)
    .bind(receipt.sent.place)
    .bind(receipt.customer_known)
    .bind(receipt.paid_at)
    .bind(receipt.received_at)
    .fetch_one(&mut **tx)
    .await?)
}
