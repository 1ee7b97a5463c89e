//! Codes that are made together, by the million: in chunks, each with the count that goes with it in one transaction.
//! A batch that was broken off is taken up at its count, by anybody, and never makes more than it should.

use chrono::{DateTime, Utc};
use domain::{CouponCode, CustomerId};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Batch {
    pub id: Uuid,
    pub campaign_id: Uuid,
    /// Before the random part of every code.
    pub prefix: String,
    pub count: i64,
    pub made: i64,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Stopped before its end; what was made is good.
    pub stopped_at: Option<DateTime<Utc>>,
    pub failure: Option<String>,
}

/// One code of a batch, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Listed {
    pub number: i64,
    pub code: String,
    pub recipient: Option<Uuid>,
}

macro_rules! select {
    ($($rest:literal),+) => {
        concat!("select id, campaign_id, prefix, count, made, starts_at, ends_at, created_at, finished_at, stopped_at, \
            failure from coupon_batches ", $($rest),+)
    };
}

impl Store {
    /// # Errors
    /// Only when the store is away.
    pub async fn coupon_batch(&self, id: Uuid) -> Result<Option<Batch>, StoreError> {
        Ok(sqlx::query_as(select!("where id = $1")).bind(id).fetch_optional(self.pool()).await?)
    }

    /// The newest batches first.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn coupon_batches(&self, most: u16) -> Result<Vec<Batch>, StoreError> {
        Ok(sqlx::query_as(select!("order by created_at desc, id desc limit $1"))
            .bind(i64::from(most))
            .fetch_all(self.pool())
            .await?)
    }

    /// The codes of a batch after `number`, in the order in which they were made.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn batch_codes(&self, batch: Uuid, after: i64, most: u32) -> Result<Vec<Listed>, StoreError> {
        Ok(sqlx::query_as(
            "select number, code, recipient from coupons where batch_id = $1 and number > $2 order by number limit $3",
        )
        .bind(batch)
        .bind(after)
        .bind(i64::from(most))
        .fetch_all(self.pool())
        .await?)
    }

    /// The work behind the counter leaves the batch alone from now on; says whether there was anything to stop.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn stop_batch(&self, id: Uuid, failure: Option<&str>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "update coupon_batches set stopped_at = $2, failure = $3 \
             where id = $1 and finished_at is null and stopped_at is null",
        )
        .bind(id)
        .bind(now)
        .bind(failure)
        .execute(self.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The oldest batch that somebody has to go on with.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn unfinished_batch(&self) -> Result<Option<Uuid>, StoreError> {
        Ok(sqlx::query_scalar(
            "select id from coupon_batches where finished_at is null and stopped_at is null \
             order by created_at, id limit 1",
        )
        .fetch_optional(self.pool())
        .await?)
    }
}

/// Writes down what is to be made; `false` when there is a batch of this id already.
///
/// # Errors
/// `coupon_batches_count` and `coupon_batches_window` for what no batch can be.
pub async fn create(tx: &mut Tx, batch: &Batch) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into coupon_batches (id, campaign_id, prefix, count, starts_at, ends_at, created_at, stopped_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing",
    )
    .bind(batch.id)
    .bind(batch.campaign_id)
    .bind(&batch.prefix)
    .bind(batch.count)
    .bind(batch.starts_at)
    .bind(batch.ends_at)
    .bind(batch.created_at)
    .bind(batch.stopped_at)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The batch as it is now, for this transaction alone; whoever wants it at the same time waits.
///
/// # Errors
/// Only when the store is away.
pub async fn hold(tx: &mut Tx, id: Uuid) -> Result<Option<Batch>, StoreError> {
    Ok(sqlx::query_as(select!("where id = $1 for update")).bind(id).fetch_optional(&mut **tx).await?)
}

/// Adds the next codes of a batch that this transaction holds, and counts them; `recipients` is empty, or has one for
/// each code.
///
/// # Errors
/// `coupons_pkey` for a code that there is already: draw again.
pub async fn add(
    tx: &mut Tx,
    batch: &Batch,
    codes: &[CouponCode],
    recipients: &[CustomerId],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = rows(batch, codes, recipients);
    let mut sink = tx
        .copy_in_raw("copy coupons (code, campaign_id, batch_id, number, recipient, starts_at, ends_at) from stdin")
        .await?;
    for chunk in rows.as_bytes().chunks(256 * 1_024) {
        sink.send(chunk).await?;
    }
    let copied = sink.finish().await?;
    if copied != codes.len() as u64 {
        let why = format!("sent {} codes, {copied} arrived", codes.len());
        return Err(StoreError::corrupt("copy", why));
    }
    sqlx::query(
        "update coupon_batches set made = made + $2, \
             finished_at = case when made + $2 = count then $3 else finished_at end where id = $1",
    )
    .bind(batch.id)
    .bind(i64::try_from(codes.len()).unwrap_or(i64::MAX))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// In PostgreSQL's text format. Nothing needs an escape: codes are letters and digits.
fn rows(batch: &Batch, codes: &[CouponCode], recipients: &[CustomerId]) -> String {
    let time = |at: Option<DateTime<Utc>>| at.map_or_else(|| "\\N".to_owned(), |at| at.to_rfc3339());
    let (campaign, id) = (batch.campaign_id.to_string(), batch.id.to_string());
    let window = format!("{}\t{}\n", time(batch.starts_at), time(batch.ends_at));
    let mut rows = String::with_capacity(codes.len() * 160);
    for (place, code) in codes.iter().enumerate() {
        let recipient = recipients.get(place).map_or_else(|| "\\N".to_owned(), ToString::to_string);
        let number = (batch.made + 1 + i64::try_from(place).unwrap_or(0)).to_string();
        for cell in [code.as_str(), &campaign, &id, &number, &recipient] {
            rows.push_str(cell);
            rows.push('\t');
        }
        rows.push_str(&window);
    }
    rows
}

/// The customers of these ids: their own, or the numbers that imported receipts know them by. `None` for nobody's.
///
/// # Errors
/// Only when the store is away.
pub async fn recipients(store: &Store, named: &[String]) -> Result<Vec<Option<CustomerId>>, StoreError> {
    let ids: Vec<Option<Uuid>> = sqlx::query_scalar(
        "select coalesce(own.id, imported.id) from unnest($1::text[]) with ordinality as named (text, place) \
         left join customers imported on imported.external_id = named.text \
         left join customers own on own.id = case when named.text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' \
             then named.text::uuid end \
         order by named.place",
    )
    .bind(named)
    .fetch_all(store.pool())
    .await?;
    Ok(ids.into_iter().map(|id| id.map(CustomerId)).collect())
}
