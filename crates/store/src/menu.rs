//! The menu and the pages of what a customer bought: reads for screens.

use chrono::{DateTime, Utc};
use domain::{Amount, CategoryId, CustomerId, Locale, Product, SegmentName, Sku};
use sqlx::types::Json;

use crate::{Store, StoreError};

/// A category that has something on its shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub id: String,
    pub title: String,
    pub products: u32,
}

/// A product as the menu shows it: what the engines need, and the words and picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuItem {
    pub product: Product,
    pub description: String,
    pub picture: String,
}

/// A receipt as its customer sees it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct PurchaseRow {
    at: DateTime<Utc>,
    store: String,
    number: String,
    items: i64,
    total: i64,
    discount: i64,
    cancelled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerPurchase {
    pub at: DateTime<Utc>,
    /// Empty for imported receipts.
    pub store: String,
    pub number: String,
    pub items: u32,
    pub total: Amount,
    pub saved: Amount,
    pub cancelled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMoved {
    pub at: DateTime<Utc>,
    pub from: SegmentName,
    pub to: SegmentName,
}

#[derive(sqlx::FromRow)]
struct ItemRow {
    sku: String,
    name: String,
    description: String,
    category: String,
    price: i64,
    cost: Option<i64>,
    offerable: bool,
    picture: String,
}

impl Store {
    /// Categories that have products, in the shop's order.
    ///
    /// # Errors
    /// What the database says.
    pub async fn menu_categories(&self, locale: Locale) -> Result<Vec<Category>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "select c.id, case when $1 = 'ru' then c.title_ru else c.title_en end, count(*) \
             from categories c join products p on p.category = c.id and p.offerable \
             group by c.id order by c.position, c.id",
        )
        .bind(locale.tag())
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|(id, title, products)| Category { id, title, products: u32::try_from(products).unwrap_or(u32::MAX) })
            .collect())
    }

    /// One page of a category, in the shop's order; what cannot be offered (postage, fees) is not on the menu.
    ///
    /// # Errors
    /// What the database says.
    pub async fn menu_products(
        &self,
        category: &str,
        locale: Locale,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<MenuItem>, StoreError> {
        let rows: Vec<ItemRow> = sqlx::query_as(
            "select sku, case when $2 = 'ru' and name_ru <> '' then name_ru else name end as name, \
             case when $2 = 'ru' and description_ru <> '' then description_ru else description end as description, \
             category, price, cost, offerable, picture \
             from products where category = $1 and offerable order by position, sku offset $3 limit $4",
        )
        .bind(category)
        .bind(locale.tag())
        .bind(i64::from(offset))
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                let product = Product {
                    sku: Sku::parse(row.sku).map_err(|why| StoreError::corrupt("product", why))?,
                    name: row.name,
                    category: CategoryId::new(row.category),
                    price: Amount(row.price),
                    cost: row.cost.map(Amount),
                    offerable: row.offerable,
                };
                Ok(MenuItem { product, description: row.description, picture: row.picture })
            })
            .collect()
    }

    /// The customer's purchases, newest first; returns are negative. `saved_only` leaves out those without a discount.
    ///
    /// # Errors
    /// What the database says.
    pub async fn purchases_of(
        &self,
        customer: CustomerId,
        saved_only: bool,
        limit: u16,
    ) -> Result<Vec<CustomerPurchase>, StoreError> {
        let rows: Vec<PurchaseRow> = sqlx::query_as(
            "select r.at, coalesce(s.name, '') as store, r.number, r.total, r.discount, \
             r.cancelled_at is not null as cancelled, \
             (select coalesce(sum(abs(l.quantity)), 0)::bigint from receipt_lines l where l.receipt_id = r.id) as items \
             from receipts r left join stores s on s.id = r.store_id \
             where r.customer_id = $1 and (not $3 or r.discount <> 0) order by r.at desc, r.id desc limit $2",
        )
        .bind(customer.0)
        .bind(i64::from(limit))
        .bind(saved_only)
        .fetch_all(self.pool())
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| CustomerPurchase {
                at: row.at,
                store: row.store,
                number: row.number,
                items: u32::try_from(row.items).unwrap_or(u32::MAX),
                total: Amount(row.total),
                saved: Amount(row.discount),
                cancelled: row.cancelled,
            })
            .collect())
    }

    /// When the customer moved from segment to segment, newest first.
    ///
    /// # Errors
    /// What the database says.
    pub async fn segment_moves_of(&self, customer: CustomerId, limit: u16) -> Result<Vec<SegmentMoved>, StoreError> {
        let rows: Vec<(DateTime<Utc>, Json<SegmentName>, Json<SegmentName>)> = sqlx::query_as(
            "select at, from_name, to_name from segment_changes where customer_id = $1 order by at desc, id desc limit $2",
        )
        .bind(customer.0)
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|(at, from, to)| SegmentMoved { at, from: from.0, to: to.0 }).collect())
    }
}
