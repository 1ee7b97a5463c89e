//! What the shop sells: products and categories as the till, the engines and the seed need them.

use domain::{Amount, CategoryId, Locale, Product, Sku};
use sqlx::Executor;
use sqlx::postgres::Postgres;

use crate::{Store, StoreError, Tx};

/// A category as the seed and the integrators write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCategory {
    pub id: CategoryId,
    pub title_en: String,
    pub title_ru: String,
    /// Name of the drawing; empty for the plain one.
    pub picture: String,
    pub position: i32,
}

/// A product as the seed and the integrators write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProduct {
    pub product: Product,
    pub name_ru: String,
    pub description: String,
    pub description_ru: String,
    pub picture: String,
    pub position: i32,
    /// An older version than the stored one changes nothing.
    pub version: i64,
}

/// A product as a list shows it, in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub product: Product,
    pub category_title: String,
    /// Name of the product's drawing, else of its category's; empty where there is neither.
    pub picture: String,
}

#[derive(sqlx::FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    row: Row,
    category_title: String,
    picture: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    sku: String,
    name: String,
    category: String,
    price: i64,
    cost: Option<i64>,
    offerable: bool,
}

#[derive(sqlx::FromRow)]
struct NamedRow {
    #[sqlx(flatten)]
    row: Row,
    name_ru: String,
}

impl Row {
    fn product(self) -> Result<Product, StoreError> {
        Ok(Product {
            sku: sku(self.sku)?,
            name: self.name,
            category: CategoryId::new(self.category),
            price: Amount(self.price),
            cost: self.cost.map(Amount),
            offerable: self.offerable,
        })
    }
}

pub(crate) fn sku(text: String) -> Result<Sku, StoreError> {
    Sku::parse(text).map_err(|why| StoreError::corrupt("sku", why))
}

const COLUMNS: &str =
    "select sku, name, category, price, cost, offerable from products where sku = any($1) order by sku";

async fn by_skus<'c>(
    executor: impl Executor<'c, Database = Postgres>,
    skus: &[Sku],
) -> Result<Vec<Product>, StoreError> {
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let rows = sqlx::query_as::<_, Row>(COLUMNS).bind(skus).fetch_all(executor).await?;
    rows.into_iter().map(Row::product).collect()
}

/// The products of these skus, in order of sku; unknown ones are left out.
///
/// # Errors
/// Only when the store is away.
pub async fn products(tx: &mut Tx, skus: &[Sku]) -> Result<Vec<Product>, StoreError> {
    by_skus(&mut **tx, skus).await
}

impl Store {
    /// The products of these skus, in order of sku; unknown ones are left out.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn products(&self, skus: &[Sku]) -> Result<Vec<Product>, StoreError> {
        by_skus(self.pool(), skus).await
    }

    /// Everything that is sold, with its Russian name (empty where there is none): what the hot path keeps in memory.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn all_products(&self) -> Result<Vec<(Product, String)>, StoreError> {
        let rows =
            sqlx::query_as::<_, NamedRow>("select sku, name, category, price, cost, offerable, name_ru from products")
                .fetch_all(self.pool())
                .await?;
        rows.into_iter().map(|row| Ok((row.row.product()?, row.name_ru))).collect()
    }

    /// At most `limit` products after the sku `after`, in order of sku, whose name, Russian name or sku has `search` in it.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn product_page(
        &self,
        locale: Locale,
        after: &str,
        search: &str,
        limit: u16,
    ) -> Result<Vec<Listed>, StoreError> {
        let rows: Vec<ListedRow> = sqlx::query_as(
            "select p.sku, case when $4 = 'ru' and p.name_ru <> '' then p.name_ru else p.name end as name, \
                 p.category, p.price, p.cost, p.offerable, \
                 case when $4 = 'ru' then c.title_ru else c.title_en end as category_title, \
                 case when p.picture <> '' then p.picture else c.picture end as picture \
             from products p join categories c on c.id = p.category \
             where p.sku > $1 and ($2 = '' or position(lower($2) in lower(p.name)) > 0 \
                 or position(lower($2) in lower(p.name_ru)) > 0 or position(lower($2) in lower(p.sku)) > 0) \
             order by p.sku limit $3",
        )
        .bind(after)
        .bind(search)
        .bind(i64::from(limit))
        .bind(locale.tag())
        .fetch_all(self.pool())
        .await?;
        let listed = |row: ListedRow| {
            Ok(Listed { product: row.row.product()?, category_title: row.category_title, picture: row.picture })
        };
        rows.into_iter().map(listed).collect()
    }
}

/// Writes a category, new or again.
///
/// # Errors
/// Only when the store is away.
pub async fn upsert_category(tx: &mut Tx, category: &NewCategory) -> Result<(), StoreError> {
    sqlx::query(
        "with moved as (update shop set catalogue_version = catalogue_version + 1) \
         insert into categories (id, title_en, title_ru, picture, position) values ($1, $2, $3, $4, $5) \
         on conflict (id) do update set title_en = excluded.title_en, title_ru = excluded.title_ru, \
             picture = excluded.picture, position = excluded.position",
    )
    .bind(category.id.as_str())
    .bind(&category.title_en)
    .bind(&category.title_ru)
    .bind(&category.picture)
    .bind(category.position)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes a product; says whether it was applied: an older version than the stored one is not.
///
/// # Errors
/// `products_category_fkey` for an unknown category, `products_price_bounds`, `products_cost_bounds`.
pub async fn upsert_product(tx: &mut Tx, new: &NewProduct) -> Result<bool, StoreError> {
    let product = &new.product;
    let applied = sqlx::query(
        "with written as ( \
             insert into products (sku, name, name_ru, description, description_ru, category, price, cost, picture, \
                 offerable, position, version) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             on conflict (sku) do update set name = excluded.name, name_ru = excluded.name_ru, \
                 description = excluded.description, description_ru = excluded.description_ru, \
                 category = excluded.category, price = excluded.price, cost = excluded.cost, \
                 picture = excluded.picture, offerable = excluded.offerable, position = excluded.position, \
                 version = excluded.version \
             where products.version <= excluded.version returning sku) \
         update shop set catalogue_version = catalogue_version + 1 where exists (select 1 from written)",
    )
    .bind(product.sku.as_str())
    .bind(&product.name)
    .bind(&new.name_ru)
    .bind(&new.description)
    .bind(&new.description_ru)
    .bind(product.category.as_str())
    .bind(product.price.0)
    .bind(product.cost.map(|cost| cost.0))
    .bind(&new.picture)
    .bind(product.offerable)
    .bind(new.position)
    .bind(new.version)
    .execute(&mut **tx)
    .await?
    .rows_affected();
    Ok(applied > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_older_version_of_a_product_changes_nothing_and_moves_nothing() {
        let database = testkit::migrated_database(&crate::MIGRATOR).await;
        let store = Store::connect(&database.url, 4).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let settings = crate::shop::Settings {
            name: "Kava".into(),
            currency: domain::Currency::EUR,
            time_zone: "UTC".into(),
            floor: domain::MarginFloor { min_margin: domain::Rate(0) },
            redeem_with_static_code: true,
            demo: false,
            catalogue_version: 1,
            discounts: crate::offers::Terms::default(),
        };
        crate::shop::create(&mut tx, &settings, chrono::DateTime::UNIX_EPOCH).await.unwrap();
        let coffee = NewCategory {
            id: CategoryId::new("coffee"),
            title_en: "Coffee".into(),
            title_ru: "Кофе".into(),
            picture: "tea".into(),
            position: 1,
        };
        upsert_category(&mut tx, &coffee).await.unwrap();
        let espresso = |version: i64, price: i64| NewProduct {
            product: Product {
                sku: Sku::parse("espresso").unwrap(),
                name: "Espresso".into(),
                category: CategoryId::new("coffee"),
                price: Amount(price),
                cost: None,
                offerable: true,
            },
            name_ru: "Эспрессо".into(),
            description: String::new(),
            description_ru: String::new(),
            picture: String::new(),
            position: 1,
            version,
        };
        for (version, price, applied) in [(5, 250, true), (4, 1, false), (5, 260, true), (6, 270, true), (1, 2, false)]
        {
            assert_eq!(upsert_product(&mut tx, &espresso(version, price)).await.unwrap(), applied);
        }
        let unknown = Sku::parse("unknown").unwrap();
        let known = espresso(6, 270).product;
        let read = products(&mut tx, &[unknown.clone(), known.sku.clone(), known.sku.clone()]).await.unwrap();
        assert_eq!(read, std::slice::from_ref(&known));
        crate::commit(tx).await.unwrap();
        let read = store.products(&[known.sku.clone(), unknown]).await.unwrap();
        assert_eq!(read, std::slice::from_ref(&known));
        // The category once, and the three writes that were applied.
        assert_eq!(store.settings().await.unwrap().unwrap().catalogue_version, 1 + 1 + 3);
        for (locale, name, title) in [(Locale::En, "Espresso", "Coffee"), (Locale::Ru, "Эспрессо", "Кофе")]
        {
            let found = store.product_page(locale, "", "эспр", 10).await.unwrap();
            let product = Product { name: name.into(), ..known.clone() };
            assert_eq!(found, [Listed { product, category_title: title.into(), picture: "tea".into() }]);
        }
        let mut tx = store.begin().await.unwrap();
        let lost = NewProduct {
            product: Product { category: CategoryId::new("tea"), ..espresso(7, 1).product },
            ..espresso(7, 1)
        };
        assert!(upsert_product(&mut tx, &lost).await.unwrap_err().breaks("products_category_fkey"));
    }
}
