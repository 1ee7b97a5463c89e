//! The segmentation's features of customers, the models, and who belongs where.
//!
//! One definition of the features, twice: kept up by each purchase ([`write`]), and computed from all receipts that are
//! not cancelled ([`refresh`]). A test of `services` holds them together.

mod division;
mod habits;
pub mod origins;

use chrono::{DateTime, Utc};
use domain::{Currency, CustomerId, SegmentModelId};
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

use crate::json_text::JsonText;
use crate::{Store, StoreError, Tx};

pub use division::division;
pub use habits::{Habits, gap_squares, of_import};

/// What the segmentation knows of one customer. Money in minor units.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Features {
    pub id: Uuid,
    /// Sales that were not cancelled.
    pub visits: i32,
    /// What was paid, returns taken off.
    pub spent: i64,
    pub first_purchase_at: Option<DateTime<Utc>>,
    pub last_purchase_at: Option<DateTime<Utc>>,
    #[sqlx(try_from = "JsonText<BTreeMap<String, i64>>")]
    pub composition: BTreeMap<String, i64>,
    /// What the goods cost, and what was paid for them, over lines whose cost is known.
    pub cost: i64,
    pub costed: i64,
    #[sqlx(try_from = "JsonText<Habits>")]
    pub habits: Habits,
    pub segment_model: Option<Uuid>,
    pub segment_index: i16,
    /// Whether any purchase was made at a till of ours; else the history ends where the imports end.
    pub at_till: bool,
}

/// Whether there is a purchase at a till is looked up customer by customer: put as `exists`, the planner reads all receipts for every
/// page.
const FEATURES: &str = "select c.id, c.visits, c.spent, c.first_purchase_at, c.last_purchase_at, c.composition,
        c.cost, c.costed, c.habits, c.segment_model, c.segment_index,
        coalesce((select true from receipts r where r.customer_id = c.id and r.source = 'till' and r.kind = 'sale'
            and r.cancelled_at is null limit 1), false) as at_till
    from customers c";

/// A customer's features, or those of who they are now, locked until the transaction ends.
///
/// # Errors
/// Only when the database fails; so everywhere in this module where nothing else is said.
pub async fn lock(tx: &mut Tx, customer: CustomerId) -> Result<Option<Features>, StoreError> {
    let sql = format!(
        "{FEATURES} where c.id = (select coalesce(merged_into, id) from customers where id = $1) for update of c"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(customer.0).fetch_optional(&mut **tx).await?)
}

/// The same, not locked: what they were before a story that locks in an order of its own.
pub async fn read(tx: &mut Tx, customer: CustomerId) -> Result<Option<Features>, StoreError> {
    let sql = format!("{FEATURES} where c.id = (select coalesce(merged_into, id) from customers where id = $1)");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(customer.0).fetch_optional(&mut **tx).await?)
}

/// Writes features and segment back; only what [`lock`] read may be written.
pub async fn write(tx: &mut Tx, features: &Features) -> Result<(), StoreError> {
    let sql = "update customers set visits = $2, spent = $3, first_purchase_at = $4, last_purchase_at = $5,
        composition = $6, segment_model = $7, segment_index = $8, cost = $9, costed = $10, habits = $11 where id = $1";
    sqlx::query(sql)
        .bind(features.id)
        .bind(features.visits)
        .bind(features.spent)
        .bind(features.first_purchase_at)
        .bind(features.last_purchase_at)
        .bind(JsonText(&features.composition))
        .bind(features.segment_model)
        .bind(features.segment_index)
        .bind(features.cost)
        .bind(features.costed)
        .bind(JsonText(&features.habits))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Where imported histories end: the newest imported receipt.
pub async fn imports_end(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    crate::import::known_until(tx).await
}

/// The model in use, as this transaction sees it.
pub async fn model_in_use(tx: &mut Tx) -> Result<Option<SegmentModelId>, StoreError> {
    let id: Option<Uuid> =
        sqlx::query_scalar("select id from segment_models where in_use").fetch_optional(&mut **tx).await?;
    Ok(id.map(SegmentModelId))
}

/// When the model in use was fitted, as this transaction sees it.
pub async fn fitted_at(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar("select fitted_at from segment_models where in_use").fetch_optional(&mut **tx).await?)
}

/// A stored model: its number, when it was fitted, and its JSON.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredModel {
    pub id: Uuid,
    pub version: i32,
    pub fitted_at: DateTime<Utc>,
    pub model: serde_json::Value,
}

impl Store {
    /// A model never changes, so it may be kept.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn segment_model(&self, id: SegmentModelId) -> Result<Option<StoredModel>, StoreError> {
        let sql = "select id, version, fitted_at, model from segment_models where id = $1";
        Ok(sqlx::query_as(sql).bind(id.0).fetch_optional(self.pool()).await?)
    }

    /// # Errors
    /// Only when the database fails.
    pub async fn segment_model_in_use(&self) -> Result<Option<StoredModel>, StoreError> {
        let sql = "select id, version, fitted_at, model from segment_models where in_use";
        Ok(sqlx::query_as(sql).fetch_optional(self.pool()).await?)
    }
}

/// The same as [`Store::segment_model`], inside a transaction that already holds a connection.
pub async fn model(tx: &mut Tx, id: SegmentModelId) -> Result<Option<StoredModel>, StoreError> {
    let sql = "select id, version, fitted_at, model from segment_models where id = $1";
    Ok(sqlx::query_as(sql).bind(id.0).fetch_optional(&mut **tx).await?)
}

/// Stores a model and makes it the one in use; says its version.
pub async fn put_in_use(
    tx: &mut Tx,
    id: SegmentModelId,
    model: &serde_json::Value,
    report: &serde_json::Value,
    now: DateTime<Utc>,
) -> Result<i32, StoreError> {
    sqlx::query("update segment_models set in_use = false where in_use").execute(&mut **tx).await?;
    let sql = "insert into segment_models (id, version, fitted_at, model, report, in_use)
        values ($1, (select coalesce(max(version), 0) + 1 from segment_models), $2, $3, $4, true) returning version";
    Ok(sqlx::query_scalar(sql).bind(id.0).bind(now).bind(model).bind(report).fetch_one(&mut **tx).await?)
}

/// A page of customers in order of id. Every id is after the one of zeros: so the index leads to the first of the page, which it
/// does not where the plan has to allow for none.
pub async fn page(tx: &mut Tx, after: Option<Uuid>, limit: i64) -> Result<Vec<Features>, StoreError> {
    let sql = format!("{FEATURES} where c.id > $1 order by c.id limit $2");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?)
}

/// Customers with a purchase that are not placed by this model yet, locked; in order of id.
pub async fn lock_unplaced(
    tx: &mut Tx,
    model: SegmentModelId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Features>, StoreError> {
    let sql = format!(
        "{FEATURES} where c.segment_model is distinct from $1 and (c.visits > 0 or c.segment_index <> 0)
            and c.id > $2
        order by c.id limit $3 for update of c"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(model.0)
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(&mut **tx)
        .await?)
}

/// Places customers: `(customer, segment index)` of one model.
pub async fn place(tx: &mut Tx, model: SegmentModelId, placed: &[(Uuid, i16)]) -> Result<(), StoreError> {
    let sql = "update customers c set segment_model = $1, segment_index = p.segment
        from unnest($2::uuid[], $3::smallint[]) as p (id, segment) where c.id = p.id";
    sqlx::query(sql)
        .bind(model.0)
        .bind(placed.iter().map(|p| p.0).collect::<Vec<_>>())
        .bind(placed.iter().map(|p| p.1).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A change as it is kept.
#[derive(Clone, Debug)]
pub struct Change {
    pub customer: Uuid,
    pub from: serde_json::Value,
    pub to: serde_json::Value,
    pub reason: serde_json::Value,
}

pub async fn keep_changes(tx: &mut Tx, changes: &[Change], at: DateTime<Utc>) -> Result<(), StoreError> {
    let sql = "insert into segment_changes (customer_id, at, from_name, to_name, why)
        select customer, $5, from_name, to_name, why
        from unnest($1::uuid[], $2::jsonb[], $3::jsonb[], $4::jsonb[]) as c (customer, from_name, to_name, why)";
    sqlx::query(sql)
        .bind(changes.iter().map(|c| c.customer).collect::<Vec<_>>())
        .bind(changes.iter().map(|c| &c.from).collect::<Vec<_>>())
        .bind(changes.iter().map(|c| &c.to).collect::<Vec<_>>())
        .bind(changes.iter().map(|c| &c.reason).collect::<Vec<_>>())
        .bind(at)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Locks customers in order of id, so that no purchase comes between their receipts and their features.
pub async fn lock_all(tx: &mut Tx, customers: &[Uuid]) -> Result<(), StoreError> {
    let sql = "select 1 from customers where id = any($1) order by id for update";
    sqlx::query(sql).bind(customers).execute(&mut **tx).await?;
    Ok(())
}

/// Features that were counted outside. Times as PostgreSQL reads them.
#[derive(Clone, Debug)]
pub struct Counted {
    pub id: Uuid,
    pub visits: i32,
    pub spent: i64,
    pub first: Option<String>,
    pub last: Option<String>,
    pub composition: serde_json::Value,
    pub cost: i64,
    pub costed: i64,
    pub habits: Habits,
}

impl Counted {
    /// Of somebody of whom nothing was counted yet.
    #[must_use]
    pub fn nothing(id: Uuid) -> Self {
        Self {
            id,
            visits: 0,
            spent: 0,
            first: None,
            last: None,
            composition: serde_json::Value::Object(Default::default()),
            cost: 0,
            costed: 0,
            habits: Habits::default(),
        }
    }
}

/// Whose features [`refresh`] computes.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    Everybody,
    /// The customers of an import.
    OfImport(Uuid),
    These(&'a [Uuid]),
}

/// Computes features from the receipts that are not cancelled, and writes those that differ; says how many did.
///
/// A customer who buys while this runs keeps what the purchase wrote: their row is not the one that was computed from.
pub async fn refresh(tx: &mut Tx, whose: Whose<'_>) -> Result<u64, StoreError> {
    let (import, ids) = match whose {
        Whose::Everybody => (None, None),
        Whose::OfImport(import) => (Some(import), None),
        Whose::These(ids) => (None, Some(ids)),
    };
    if is_most(tx, whose).await? {
        // Everything is read anyway. Right after a load the planner may still believe in small tables, and loops.
        sqlx::query("set local enable_nestloop = off").execute(&mut **tx).await?;
        sqlx::query("set local work_mem = '64MB'").execute(&mut **tx).await?;
    }
    let touched = match whose {
        Whose::Everybody => "$1::uuid is null and $2::uuid[] is null",
        Whose::OfImport(_) => {
            "id in (select customer_id from receipts where source = 'import' and import_id = $1) and $2::uuid[] is null"
        }
        Whose::These(_) => "$1::uuid is null and id = any($2)",
    };
    let timed = habits::timed("r.customer_id in (select id from touched)");
    let habits = habits::habits();
    let sql = format!(
        "with touched as materialized (
            select id, visits, spent, last_purchase_at from customers where {touched}
        ), {timed}, visited as (
            select customer_id, count(*) filter (where kind = 'sale')::int as visits, sum(total)::bigint as spent,
                min(at) filter (where kind = 'sale') as first, max(at) filter (where kind = 'sale') as last,
                {habits} as habits
            from timed group by customer_id
        ), bought as (
            select r.customer_id, p.category, sum(l.quantity * l.unit_price - l.discount)::bigint as spend,
                sum(l.quantity * l.unit_price - l.discount) filter (where l.unit_cost is not null) as costed,
                sum(l.quantity * l.unit_cost) as cost
            from receipts r join touched t on t.id = r.customer_id
                join receipt_lines l on l.receipt_id = r.id left join products p on p.sku = l.sku
            where r.cancelled_at is null
            group by r.customer_id, p.category
        ), composed as (
            select customer_id, jsonb_object_agg(category, spend) filter (where spend <> 0 and category is not null)
                    as composition,
                coalesce(sum(cost), 0)::bigint as cost, coalesce(sum(costed), 0)::bigint as costed
            from bought group by customer_id
        ), fresh as (
            select t.id, t.visits as old_visits, t.spent as old_spent, t.last_purchase_at as old_last,
                coalesce(v.visits, 0) as visits, coalesce(v.spent, 0) as spent, v.first, v.last,
                coalesce(k.composition, '{{}}') as composition, coalesce(k.cost, 0) as cost,
                coalesce(k.costed, 0) as costed, coalesce(v.habits, $3) as habits
            from touched t left join visited v on v.customer_id = t.id left join composed k on k.customer_id = t.id
        )
        update customers c set visits = f.visits, spent = f.spent, first_purchase_at = f.first,
            last_purchase_at = f.last, composition = f.composition::text, cost = f.cost, costed = f.costed,
            habits = f.habits::text
        from fresh f
        where c.id = f.id
            and (c.visits, c.spent, c.last_purchase_at) is not distinct from (f.old_visits, f.old_spent, f.old_last)
            and (c.visits, c.spent, c.first_purchase_at, c.last_purchase_at, c.composition::jsonb, c.cost, c.costed,
                c.habits::jsonb)
                is distinct from (f.visits, f.spent, f.first, f.last, f.composition, f.cost, f.costed, f.habits)"
    );
    let nothing = Json(Habits::default());
    let changed = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(import)
        .bind(ids)
        .bind(nothing)
        .execute(&mut **tx)
        .await?
        .rows_affected();
    for setting in ["reset enable_nestloop", "reset work_mem"] {
        sqlx::query(setting).execute(&mut **tx).await?;
    }
    Ok(changed)
}

/// Whether what is asked for is a good part of everything.
async fn is_most(tx: &mut Tx, whose: Whose<'_>) -> Result<bool, StoreError> {
    let count = match whose {
        Whose::Everybody | Whose::OfImport(_) => return Ok(true),
        Whose::These(ids) => i64::try_from(ids.len()).unwrap_or(i64::MAX),
    };
    let sql = "select $1::float8 * 20 >= reltuples from pg_class where oid = 'customers'::regclass";
    Ok(sqlx::query_scalar(sql).bind(count as f64).fetch_one(&mut **tx).await?)
}

/// The titles of the categories, by id.
pub async fn category_titles(tx: &mut Tx) -> Result<BTreeMap<String, String>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select id, title_en from categories").fetch_all(&mut **tx).await?;
    Ok(rows.into_iter().collect())
}

/// The currency of the shop, for words; `None` before there is a shop.
pub async fn currency(tx: &mut Tx) -> Result<Option<Currency>, StoreError> {
    let code: Option<String> = sqlx::query_scalar("select currency from shop").fetch_optional(&mut **tx).await?;
    code.map(|code| code.parse().map_err(|e| StoreError::corrupt("currency", e))).transpose()
}
