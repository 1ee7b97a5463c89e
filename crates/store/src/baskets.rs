//! What lay in one basket: the lines of sales, and the rules that were worked out from them.

use chrono::{DateTime, Utc};
use domain::Locale;
use std::collections::BTreeMap;

use crate::{Store, StoreError, Tx};

/// A product in a sale.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct BasketLine {
    pub receipt: i64,
    pub sku: String,
    pub category: String,
}

/// Rules as they are kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredRules {
    pub made_at: DateTime<Utc>,
    pub since: DateTime<Utc>,
    pub baskets: i64,
    pub rules: serde_json::Value,
}

/// The lines of the next `receipts` sales after this one that were made since then and not cancelled, in order of receipt;
/// products that are never offered, as postage, are left out. Says which receipt was the last that was looked at.
///
/// # Errors
/// Only when the database fails; so everywhere in this module.
pub async fn page(
    tx: &mut Tx,
    since: DateTime<Utc>,
    after: i64,
    receipts: i64,
) -> Result<(Vec<BasketLine>, Option<i64>), StoreError> {
    let last: Option<i64> =
        sqlx::query_scalar("select max(id) from (select id from receipts where id > $1 order by id limit $2) page")
            .bind(after)
            .bind(receipts)
            .fetch_one(&mut **tx)
            .await?;
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let lines = sqlx::query_as(
        "select r.id as receipt, l.sku, p.category from receipts r join receipt_lines l on l.receipt_id = r.id
            join products p on p.sku = l.sku
        where r.id > $1 and r.id <= $2 and r.kind = 'sale' and r.cancelled_at is null and r.at >= $3
            and l.quantity > 0 and p.offerable
        order by r.id, l.position",
    )
    .bind(after)
    .bind(last)
    .bind(since)
    .fetch_all(&mut **tx)
    .await?;
    Ok((lines, Some(last)))
}

/// Puts rules in the place of those before.
pub async fn keep_rules(tx: &mut Tx, rules: &StoredRules) -> Result<(), StoreError> {
    let sql = "insert into basket_rules (made_at, since, baskets, rules) values ($1, $2, $3, $4)
        on conflict (only_row) do update set made_at = excluded.made_at, since = excluded.since,
            baskets = excluded.baskets, rules = excluded.rules";
    sqlx::query(sql)
        .bind(rules.made_at)
        .bind(rules.since)
        .bind(rules.baskets)
        .bind(&rules.rules)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Store {
    pub async fn basket_rules(&self) -> Result<Option<StoredRules>, StoreError> {
        let sql = "select made_at, since, baskets, rules from basket_rules";
        Ok(sqlx::query_as(sql).fetch_optional(self.pool()).await?)
    }

    /// What these products are called; who is no longer there has no name.
    pub async fn product_names(&self, skus: &[&str], locale: Locale) -> Result<BTreeMap<String, String>, StoreError> {
        let sql = "select wanted.sku, (select case when $2 and p.name_ru <> '' then p.name_ru else p.name end
                from products p where p.sku = wanted.sku)
            from unnest($1::text[]) as wanted (sku)";
        let rows: Vec<(String, Option<String>)> =
            sqlx::query_as(sql).bind(skus).bind(locale == Locale::Ru).fetch_all(self.pool()).await?;
        Ok(rows.into_iter().filter_map(|(sku, name)| Some((sku, name?))).collect())
    }

    /// The titles of the categories, by id.
    pub async fn category_titles(&self, locale: Locale) -> Result<BTreeMap<String, String>, StoreError> {
        let sql = "select id, case when $1 then title_ru else title_en end from categories";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).bind(locale == Locale::Ru).fetch_all(self.pool()).await?;
        Ok(rows.into_iter().collect())
    }
}
