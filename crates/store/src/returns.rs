//! Returns: what of a session's lines has come back, and the receipt of each time.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Amount, ReturnId, Returned, SessionId, SoldLine};
use serde_json::Value;

use crate::{StoreError, Tx};

/// Goods that come back together.
#[derive(Debug)]
pub struct NewReturn<'a> {
    pub id: ReturnId,
    pub session: SessionId,
    pub reason: &'a str,
    pub lines: Vec<NewReturnedLine<'a>>,
}

/// Of one line: what comes back now, and what has come back with it.
#[derive(Debug)]
pub struct NewReturnedLine<'a> {
    pub position: u16,
    pub sku: &'a str,
    pub unit_cost: Option<Amount>,
    pub sold: &'a SoldLine,
    pub now: &'a Returned,
    pub so_far: &'a Returned,
    /// `contract::till::Allocation`s of what comes back as JSON, negative; `None` where there was no discount.
    pub allocations: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    position: i32,
    quantity: i32,
    refund: i64,
    discount: i64,
    allocations: Vec<i64>,
}

/// What of each line has come back so far. Hold the session's row before.
///
/// # Errors
/// Only when the store is away.
pub async fn so_far(tx: &mut Tx, session: SessionId) -> Result<HashMap<u16, Returned>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select position, quantity, refund, discount, allocations from returned_lines where session_id = $1",
    )
    .bind(session.0)
    .fetch_all(&mut **tx)
    .await?;
    let read = rows.into_iter().map(|row| {
        let returned = Returned {
            quantity: u32::try_from(row.quantity).unwrap_or(0),
            refund: Amount(row.refund),
            discount: Amount(row.discount),
            allocations: row.allocations.into_iter().map(Amount).collect(),
        };
        (u16::try_from(row.position).unwrap_or(u16::MAX), returned)
    });
    Ok(read.collect())
}

/// Writes the return, its receipt (of the till, customer and number of the sale) and the counters in one statement.
///
/// # Errors
/// `returned_lines_within` for more than was sold: never, while the session's row is held.
pub async fn insert(tx: &mut Tx, new: &NewReturn<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let lines = &new.lines;
    let whole = |quantity: u32| i32::try_from(quantity).unwrap_or(i32::MAX);
    let parts: Vec<Value> =
        lines.iter().map(|line| line.so_far.allocations.iter().map(|part| part.0).collect::<Vec<_>>().into()).collect();
    let refund: i64 = lines.iter().map(|line| line.now.refund.0).sum();
    let discount: i64 = lines.iter().map(|line| line.now.discount.0).sum();
    sqlx::query(
        "with sale as ( \
             select * from receipts where session_id = $1 and kind = 'sale' and cancelled_at is null), \
         receipt as ( \
             insert into receipts (source, session_id, store_id, till_id, number, customer_id, kind, at, lines, subtotal, \
                 discount, total) \
             select source, session_id, store_id, till_id, number, customer_id, 'return', $2, $3, -$4 - $5, -$5, -$4 \
             from sale returning id), \
         back as (select * from unnest($6::int[], $7::text[], $8::bigint[], $9::bigint[], $10::int[], $11::bigint[], \
                 $12::text[], $13::int[], $14::bigint[], $15::int[], $16::bigint[], $17::bigint[], $18::jsonb[]) \
             with ordinality as b (position, sku, unit_price, unit_cost, quantity, discount, allocations, sold, paid, \
                 all_quantity, all_refund, all_discount, all_allocations, place)), \
         line as ( \
             insert into receipt_lines (receipt_id, position, sku, quantity, unit_price, discount, unit_cost, allocations) \
             select receipt.id, place - 1, sku, -quantity, unit_price, -discount, unit_cost, allocations \
             from receipt, back), \
         counted as ( \
             insert into returned_lines (session_id, position, sold, quantity, paid, refund, discount, allocations) \
             select $1, position, sold, all_quantity, paid, all_refund, all_discount, \
                 (select coalesce(array_agg(part::bigint order by place), '{}') \
                     from jsonb_array_elements_text(all_allocations) with ordinality as p (part, place)) \
             from back \
             on conflict (session_id, position) do update set quantity = excluded.quantity, refund = excluded.refund, \
                 discount = excluded.discount, allocations = excluded.allocations) \
         insert into session_returns (id, session_id, receipt_id, reason, at) \
         select $19, $1, receipt.id, $20, $2 from receipt",
    )
    .bind(new.session.0)
    .bind(now)
    .bind(i32::try_from(lines.len()).unwrap_or(i32::MAX))
    .bind(refund)
    .bind(discount)
    .bind(lines.iter().map(|line| i32::from(line.position)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.sku).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.sold.unit_price.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.unit_cost.map(|cost| cost.0)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| whole(line.now.quantity)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.now.discount.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.allocations.as_deref()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| whole(line.sold.quantity)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.sold.total().0).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| whole(line.so_far.quantity)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.so_far.refund.0).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.so_far.discount.0).collect::<Vec<_>>())
    .bind(parts)
    .bind(new.id.0)
    .bind(new.reason)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
