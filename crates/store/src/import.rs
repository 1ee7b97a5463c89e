//! Importing receipts: straight into the final tables by COPY, in the import's one transaction.
//!
//! Lines are never staged. Receipt ids come from the identity's own sequence, so that tills may sell during an import.

pub mod bare;

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{Amount, Currency};
use sqlx::PgConnection;
use sqlx::postgres::PgCopyIn;
use uuid::Uuid;

use crate::segments::Counted;
use crate::{StoreError, Tx};

/// Whoever rewrites what all receipts say holds this: imports and fits of the segments. "kava" and a number.
const MAINTENANCE: i64 = 0x6b61_7661_0001;

/// Whether this transaction is now the only one that imports or fits.
///
/// # Errors
/// Only when the database fails; so everywhere in this module where nothing else is said.
pub async fn try_lock(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)").bind(MAINTENANCE).fetch_one(&mut **tx).await?)
}

/// How times without an offset are read for the rest of this transaction; `false` for a zone that does not exist:
/// then the transaction is over.
pub async fn read_times_in(tx: &mut Tx, zone: &str) -> Result<bool, StoreError> {
    // Asking pg_timezone_names reads every file of the time zones; PostgreSQL itself says it at once.
    let set = sqlx::query("select set_config('TimeZone', $1, true)").bind(zone).execute(&mut **tx).await;
    match set {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(cause)) if cause.code().as_deref() == Some("22023") => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The shop that the receipts go to, locked against a change of its currency.
pub async fn shop(tx: &mut Tx) -> Result<Option<(Currency, String)>, StoreError> {
    let row: Option<(String, String)> =
        sqlx::query_as("select currency, time_zone from shop for share").fetch_optional(&mut **tx).await?;
    row.map(|(currency, zone)| {
        let currency = currency.parse().map_err(|e| StoreError::corrupt("currency", e))?;
        Ok((currency, zone))
    })
    .transpose()
}

/// The newest purchase of all imports before this one.
pub async fn known_until(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar("select max((report ->> 'last_at')::timestamptz) from imports").fetch_one(&mut **tx).await?)
}

/// The same in the time zone of this transaction, and in UTC.
pub async fn known_until_local(tx: &mut Tx) -> Result<Option<(NaiveDateTime, DateTime<Utc>)>, StoreError> {
    let sql = "select at::timestamp, at from (select max((report ->> 'last_at')::timestamptz) as at from imports) m
        where at is not null";
    Ok(sqlx::query_as(sql).fetch_optional(&mut **tx).await?)
}

/// A receipt that is there already.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Existing {
    pub id: i64,
    pub number: String,
    pub import_id: Option<Uuid>,
    pub lines: i32,
    pub total: i64,
    pub customer_id: Option<Uuid>,
    /// The external id of its customer; `None` for an anonymous one, and for one whose row is still to be written.
    pub customer: Option<String>,
}

pub async fn existing(tx: &mut Tx, numbers: &[&str]) -> Result<Vec<Existing>, StoreError> {
    // Each by itself, for the reason of [`customers`].
    let sql = "select r.id, r.number, r.import_id, r.lines, r.total, r.customer_id,
            (select external_id from customers where id = r.customer_id) as customer
        from unnest($1::text[]) as wanted (number), lateral (
            select id, number, import_id, lines, total, customer_id from receipts
            where source = 'import' and number = wanted.number limit 1) r";
    Ok(sqlx::query_as(sql).bind(numbers).fetch_all(&mut **tx).await?)
}

/// A line as it is compared with a file's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, sqlx::FromRow)]
pub struct StoredLine {
    pub receipt_id: i64,
    pub sku: String,
    pub quantity: i32,
    pub unit_price: i64,
}

pub async fn lines_of(tx: &mut Tx, receipts: &[i64]) -> Result<Vec<StoredLine>, StoreError> {
    let sql = "select receipt_id, sku, quantity, unit_price from receipt_lines where receipt_id = any($1)";
    Ok(sqlx::query_as(sql).bind(receipts).fetch_all(&mut **tx).await?)
}

/// `count` fresh receipt ids; never given twice, whoever else sells meanwhile.
pub async fn reserve_ids(tx: &mut Tx, count: usize) -> Result<Vec<i64>, StoreError> {
    // The sequence is looked up once, not for every id.
    let sql = "with s as materialized (select pg_get_serial_sequence('receipts', 'id')::regclass as ids)
        select nextval(s.ids) from s, generate_series(1, $1)";
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(sqlx::query_scalar(sql).bind(count).fetch_all(&mut **tx).await?)
}

/// A customer that only receipts know so far, with the features that were counted from them.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    pub counted: Counted,
    pub external_id: String,
    pub code: StaticCode,
    pub handle: CodeHandle,
    pub secret: RotatingSecret,
}

pub async fn customers(tx: &mut Tx, external_ids: &[&str]) -> Result<Vec<(String, Uuid)>, StoreError> {
    // Each is looked up by itself: while a history is imported the planner does not know yet how many customers there are, and
    // would compare every one of them with every number asked for.
    let sql =
        "select wanted.number, (select coalesce(merged_into, id) from customers where external_id = wanted.number)
        from unnest($1::text[]) as wanted (number)";
    let found: Vec<(String, Option<Uuid>)> = sqlx::query_as(sql).bind(external_ids).fetch_all(&mut **tx).await?;
    Ok(found.into_iter().filter_map(|(number, id)| Some((number, id?))).collect())
}

/// Which of these static codes and handles somebody has.
pub async fn taken_codes(tx: &mut Tx, new: &[NewCustomer]) -> Result<(Vec<String>, Vec<i64>), StoreError> {
    // Each by itself, for the reason of [`customers`].
    let codes: Vec<Option<String>> = sqlx::query_scalar(
        "select (select static_code from customers where static_code = n.code) from unnest($1::text[]) as n (code)",
    )
    .bind(new.iter().map(|c| c.code.as_str()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let handles: Vec<Option<i64>> = sqlx::query_scalar(
        "select (select code_handle from customers where code_handle = n.handle)
        from unnest($1::bigint[]) as n (handle)",
    )
    .bind(new.iter().map(|c| c.handle.0).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    Ok((codes.into_iter().flatten().collect(), handles.into_iter().flatten().collect()))
}

/// Adds customers whose codes nobody has.
pub async fn add_customers(tx: &mut Tx, new: &[NewCustomer], now: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "copy customers (id, external_id, static_code, code_handle, code_secret, created_at, visits, spent, \
        first_purchase_at, last_purchase_at, composition, cost, costed, habits) from stdin";
    if new.is_empty() {
        return Ok(());
    }
    let created = now.to_rfc3339();
    let mut copy = Copy::begin(tx, sql).await?;
    for customer in new {
        copy.rows.customer(customer, &created);
        copy.flow().await?;
    }
    copy.finish().await
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Rows in PostgreSQL's text format for COPY. Text must have no NUL; everything else is escaped.
#[derive(Debug, Default)]
pub struct Rows {
    text: Vec<u8>,
    count: u64,
}

impl Rows {
    pub fn receipt(&mut self, receipt: &NewReceipt<'_>) {
        self.number(receipt.id);
        self.raw(b"\timport\t");
        self.raw(receipt.import_id.to_string().as_bytes());
        self.raw(b"\t");
        self.escaped(receipt.number);
        self.raw(b"\t");
        match receipt.customer {
            Some(id) => self.raw(id.to_string().as_bytes()),
            None => self.raw(b"\\N"),
        }
        self.raw(if receipt.is_return { b"\treturn\t" } else { b"\tsale\t" });
        self.raw(receipt.at.as_bytes());
        self.raw(b"\t");
        self.number(i64::from(receipt.lines));
        self.raw(b"\t");
        self.number(receipt.total.0);
        self.raw(b"\t0\t");
        self.number(receipt.total.0);
        self.end();
    }

    pub fn line(&mut self, line: &NewLine<'_>) {
        self.number(line.receipt_id);
        self.raw(b"\t");
        self.number(i64::from(line.position));
        self.raw(b"\t");
        self.escaped(line.sku);
        self.raw(b"\t");
        self.number(i64::from(line.quantity));
        self.raw(b"\t");
        self.number(line.unit_price.0);
        self.raw(b"\t");
        match line.unit_cost {
            Some(cost) => self.number(cost.0),
            None => self.raw(b"\\N"),
        }
        self.end();
    }

    fn customer(&mut self, customer: &NewCustomer, created: &str) {
        let NewCustomer { counted, external_id, code, handle, secret } = customer;
        self.raw(counted.id.to_string().as_bytes());
        self.raw(b"\t");
        self.escaped(external_id);
        self.raw(b"\t");
        self.escaped(code.as_str());
        self.raw(b"\t");
        self.number(handle.0);
        self.raw(b"\t\\\\x");
        for byte in secret.0 {
            self.raw(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        self.raw(b"\t");
        self.raw(created.as_bytes());
        self.raw(b"\t");
        self.number(i64::from(counted.visits));
        self.raw(b"\t");
        self.number(counted.spent);
        for time in [&counted.first, &counted.last] {
            self.raw(b"\t");
            self.raw(time.as_deref().unwrap_or("\\N").as_bytes());
        }
        self.raw(b"\t");
        self.escaped(&counted.composition.to_string());
        for sum in [counted.cost, counted.costed] {
            self.raw(b"\t");
            self.number(sum);
        }
        self.raw(b"\t");
        self.escaped(&serde_json::json!(counted.habits).to_string());
        self.end();
    }

    fn product(&mut self, product: &SeenProduct) {
        self.escaped(&product.sku);
        self.raw(b"\t");
        self.escaped(product.name.as_deref().unwrap_or(&product.sku));
        self.raw(b"\t");
        self.number(product.price.unwrap_or_default().0);
        self.raw(b"\t");
        match product.cost {
            Some(cost) => self.number(cost.0),
            None => self.raw(b"\\N"),
        }
        self.raw(b"\t");
        self.escaped(product.category.as_deref().unwrap_or("other"));
        self.raw(if product.offerable { b"\tt" } else { b"\tf" });
        self.end();
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn number(&mut self, number: i64) {
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.text.push(b'-');
        }
        self.text.extend_from_slice(&digits[at..]);
    }

    fn escaped(&mut self, text: &str) {
        for &byte in text.as_bytes() {
            match byte {
                b'\\' => self.raw(b"\\\\"),
                b'\t' => self.raw(b"\\t"),
                b'\n' => self.raw(b"\\n"),
                b'\r' => self.raw(b"\\r"),
                _ => self.text.push(byte),
            }
        }
    }

    fn end(&mut self) {
        self.text.push(b'\n');
        self.count += 1;
    }
}

/// A receipt of an import. `at` is a time as PostgreSQL reads it.
#[derive(Clone, Copy, Debug)]
pub struct NewReceipt<'a> {
    pub id: i64,
    pub import_id: Uuid,
    pub number: &'a str,
    pub customer: Option<Uuid>,
    pub is_return: bool,
    pub at: &'a str,
    pub lines: i32,
    pub total: Amount,
}

#[derive(Clone, Copy, Debug)]
pub struct NewLine<'a> {
    pub receipt_id: i64,
    pub position: i32,
    pub sku: &'a str,
    pub quantity: i32,
    pub unit_price: Amount,
    pub unit_cost: Option<Amount>,
}

/// Rows on their way into a table. They are sent while they are made, so that PostgreSQL works at the same time.
pub struct Copy<'t> {
    sink: PgCopyIn<&'t mut PgConnection>,
    pub rows: Rows,
    sent: u64,
}

/// So much is collected before it is sent.
const PIECE: usize = 64 * 1024;

/// # Errors
/// Only when the database fails.
pub async fn copy_receipts(tx: &mut Tx) -> Result<Copy<'_>, StoreError> {
    let sql = "copy receipts (id, source, import_id, number, customer_id, kind, at, lines, subtotal, discount, total)
        from stdin";
    Copy::begin(tx, sql).await
}

/// # Errors
/// Only when the database fails.
pub async fn copy_lines(tx: &mut Tx) -> Result<Copy<'_>, StoreError> {
    Copy::begin(tx, "copy receipt_lines (receipt_id, position, sku, quantity, unit_price, unit_cost) from stdin").await
}

impl<'t> Copy<'t> {
    async fn begin(tx: &'t mut Tx, sql: &str) -> Result<Self, StoreError> {
        let sink = PgConnection::copy_in_raw(tx, sql).await?;
        Ok(Self { sink, rows: Rows { text: Vec::with_capacity(2 * PIECE), count: 0 }, sent: 0 })
    }

    /// Sends what is collected, when there is enough of it.
    ///
    /// # Errors
    /// When PostgreSQL refuses a row, or is gone.
    pub async fn flow(&mut self) -> Result<(), StoreError> {
        if self.rows.text.len() >= PIECE { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<(), StoreError> {
        self.sink.send(self.rows.text.as_slice()).await?;
        self.sent += self.rows.count;
        self.rows.text.clear();
        self.rows.count = 0;
        Ok(())
    }

    /// # Errors
    /// When PostgreSQL refuses a row, or is gone.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        self.send().await?;
        let copied = self.sink.finish().await?;
        if copied == self.sent {
            return Ok(());
        }
        Err(StoreError::corrupt("copy", format!("sent {} rows, {copied} arrived", self.sent)))
    }
}

/// Lines that came later than the rest of their receipt: its sums follow.
pub async fn extend_receipts(tx: &mut Tx, more: &[(i64, i32, Amount)]) -> Result<(), StoreError> {
    let sql =
        "update receipts r set lines = r.lines + m.lines, subtotal = r.subtotal + m.amount, total = r.total + m.amount
        from unnest($1::bigint[], $2::int[], $3::bigint[]) as m (id, lines, amount) where r.id = m.id";
    sqlx::query(sql)
        .bind(more.iter().map(|m| m.0).collect::<Vec<_>>())
        .bind(more.iter().map(|m| m.1).collect::<Vec<_>>())
        .bind(more.iter().map(|m| m.2.0).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A product as the receipts show it. `None` means: not seen there.
#[derive(Clone, Debug)]
pub struct SeenProduct {
    pub sku: String,
    pub name: Option<String>,
    pub price: Option<Amount>,
    pub cost: Option<Amount>,
    pub category: Option<String>,
    pub offerable: bool,
    /// Whether this is news for a product that is there already: its newest line is newer than every earlier import.
    pub newer: bool,
}

/// Which of these products are there.
pub async fn known_products(tx: &mut Tx, skus: &[&str]) -> Result<Vec<String>, StoreError> {
    // Each by itself, for the reason of [`customers`].
    let sql = "select (select sku from products where sku = wanted.sku) from unnest($1::text[]) as wanted (sku)";
    let known: Vec<Option<String>> = sqlx::query_scalar(sql).bind(skus).fetch_all(&mut **tx).await?;
    Ok(known.into_iter().flatten().collect())
}

/// Brings products that are there up to date; says how many changed.
pub async fn update_products(tx: &mut Tx, news: &[&SeenProduct]) -> Result<u64, StoreError> {
    if news.is_empty() {
        return Ok(0);
    }
    let update = "update products p set name = coalesce(s.name, p.name), price = coalesce(s.price, p.price),
            cost = coalesce(s.cost, p.cost), version = p.version + 1
        from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as s (sku, name, price, cost)
        where p.sku = s.sku and (coalesce(s.name, p.name), coalesce(s.price, p.price), coalesce(s.cost, p.cost))
            is distinct from (p.name, p.price, p.cost)";
    Ok(sqlx::query(update)
        .bind(news.iter().map(|p| p.sku.as_str()).collect::<Vec<_>>())
        .bind(news.iter().map(|p| p.name.as_deref()).collect::<Vec<_>>())
        .bind(news.iter().map(|p| p.price.map(|a| a.0)).collect::<Vec<_>>())
        .bind(news.iter().map(|p| p.cost.map(|a| a.0)).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?
        .rows_affected())
}

/// Adds products that are not there.
pub async fn add_products(tx: &mut Tx, new: &[&SeenProduct]) -> Result<(), StoreError> {
    if new.is_empty() {
        return Ok(());
    }
    let sql = "copy products (sku, name, price, cost, category, offerable) from stdin";
    let mut copy = Copy::begin(tx, sql).await?;
    for product in new {
        copy.rows.product(product);
        copy.flow().await?;
    }
    copy.finish().await
}

/// Adds the categories that are not there: `(id, title)`, the title in both languages.
pub async fn add_categories(tx: &mut Tx, new: &[(String, String)]) -> Result<(), StoreError> {
    let sql = "insert into categories (id, title_en, title_ru)
        select id, title, title from unnest($1::text[], $2::text[]) as n (id, title) on conflict do nothing";
    sqlx::query(sql)
        .bind(new.iter().map(|c| c.0.as_str()).collect::<Vec<_>>())
        .bind(new.iter().map(|c| c.1.as_str()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Sku and name of what has no category of its own.
pub async fn uncategorised(tx: &mut Tx) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "select sku, name from products where category = 'other' and offerable order by sku";
    Ok(sqlx::query_as(sql).fetch_all(&mut **tx).await?)
}

/// The category of each of these products.
pub async fn categories_of(tx: &mut Tx, skus: &[String]) -> Result<Vec<(String, String)>, StoreError> {
    // Each by itself, for the reason of [`customers`].
    let sql = "select wanted.sku, (select category from products where sku = wanted.sku)
        from unnest($1::text[]) as wanted (sku)";
    let found: Vec<(String, Option<String>)> = sqlx::query_as(sql).bind(skus).fetch_all(&mut **tx).await?;
    Ok(found.into_iter().filter_map(|(sku, category)| Some((sku, category?))).collect())
}

pub async fn categories(tx: &mut Tx) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar("select id from categories").fetch_all(&mut **tx).await?)
}

/// Moves products: `(sku, category)`.
pub async fn categorise(tx: &mut Tx, moves: &[(String, String)]) -> Result<(), StoreError> {
    let sql = "update products p set category = m.category
        from unnest($1::text[], $2::text[]) as m (sku, category) where p.sku = m.sku";
    sqlx::query(sql)
        .bind(moves.iter().map(|m| m.0.as_str()).collect::<Vec<_>>())
        .bind(moves.iter().map(|m| m.1.as_str()).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Says that the catalogue is another one now.
pub async fn bump_catalogue(tx: &mut Tx) -> Result<(), StoreError> {
    sqlx::query("update shop set catalogue_version = catalogue_version + 1").execute(&mut **tx).await?;
    Ok(())
}

/// What an import added, counted by the database itself.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Added {
    pub receipts: i64,
    pub customers: i64,
    pub first_at: Option<DateTime<Utc>>,
    pub last_at: Option<DateTime<Utc>>,
}

pub async fn added(tx: &mut Tx, import: Uuid) -> Result<Added, StoreError> {
    let sql =
        "select count(*) as receipts, count(distinct customer_id) as customers, min(at) as first_at, max(at) as last_at
        from receipts where source = 'import' and import_id = $1";
    Ok(sqlx::query_as(sql).bind(import).fetch_one(&mut **tx).await?)
}

/// Tells the planner what is there now: until it knows, the next question after a large import can take minutes.
pub async fn count_afresh(tx: &mut Tx) -> Result<(), StoreError> {
    // How many rows there are counts most, and every column that is looked at costs; the rest comes with the next
    // autovacuum.
    sqlx::query("set local default_statistics_target = 10").execute(&mut **tx).await?;
    sqlx::query("analyze receipts (customer_id, at), receipt_lines (receipt_id, sku), customers (id), products (sku)")
        .execute(&mut **tx)
        .await?;
    sqlx::query("reset default_statistics_target").execute(&mut **tx).await?;
    Ok(())
}

/// Keeps what the import reported.
pub async fn finish(
    tx: &mut Tx,
    import: Uuid,
    file_name: &str,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    report: &serde_json::Value,
) -> Result<(), StoreError> {
    sqlx::query("insert into imports (id, file_name, started_at, finished_at, report) values ($1, $2, $3, $4, $5)")
        .bind(import)
        .bind(file_name)
        .bind(started_at)
        .bind(finished_at)
        .bind(report)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_escaped_as_copy_reads_them() {
        let mut rows = Rows::default();
        let line = NewLine {
            receipt_id: i64::MIN,
            position: 0,
            sku: "a\\b\tc\nd",
            quantity: -7,
            unit_price: Amount(0),
            unit_cost: None,
        };
        rows.line(&line);
        assert_eq!(String::from_utf8(rows.text).unwrap(), "-9223372036854775808\t0\ta\\\\b\\tc\\nd\t-7\t0\t\\N\n");
    }
}
