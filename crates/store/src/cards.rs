//! Cards: at most one of a kind and one active a customer, guarded by partial unique indexes.

use chrono::{DateTime, Utc};
use domain::{
    Amount, Card, CardId, CardReason, CardScope, CategoryId, Currency, CustomerId, Locale, MarginFloor, Product, Rate,
    SegmentName, Sku,
};
use sqlx::types::Json;
use uuid::Uuid;

use crate::purchases::Edition;
use crate::{Store, StoreError, Tx, offers};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    scope_kind: String,
    scope_ref: String,
    subject: String,
    rate_bp: i32,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    active: bool,
    reasons: Json<Vec<CardReason>>,
}

fn corrupt(why: impl std::fmt::Display) -> StoreError {
    StoreError::corrupt("card", why)
}

impl TryFrom<Row> for Card {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: CardId(row.id),
            scope: scope(&row.scope_kind, row.scope_ref)?,
            subject: row.subject,
            rate: Rate(u32::try_from(row.rate_bp).map_err(corrupt)?),
            valid_from: row.valid_from,
            valid_until: row.valid_until,
            active: row.active,
            reasons: row.reasons.0,
        })
    }
}

/// A scope from its two columns.
pub(crate) fn scope(kind: &str, reference: String) -> Result<CardScope, StoreError> {
    match kind {
        "basket" => Ok(CardScope::Basket),
        "category" => Ok(CardScope::Category(CategoryId::new(reference))),
        "product" => Ok(CardScope::Product(Sku::parse(reference).map_err(corrupt)?)),
        other => Err(corrupt(format!("no scope is called {other}"))),
    }
}

/// The scope as two columns.
pub(crate) fn columns(scope: &CardScope) -> (&'static str, &str) {
    match scope {
        CardScope::Basket => ("basket", ""),
        CardScope::Category(category) => ("category", category.as_str()),
        CardScope::Product(sku) => ("product", sku.as_str()),
    }
}

/// Basket, category, product: the order in which people see them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, scope_kind, scope_ref, subject, rate_bp, valid_from, valid_until, active, reasons from cards ",
            $rest
        )
    };
}

fn read_all(rows: Vec<Row>) -> Result<Vec<Card>, StoreError> {
    rows.into_iter().map(Card::try_from).collect()
}

/// A card and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCard {
    pub card: Card,
    /// Replaced since by newer ones.
    pub withdrawn: bool,
}

impl Store {
    /// The cards that are not withdrawn, expired ones too.
    ///
    /// # Errors
    /// What the database says.
    pub async fn cards(&self, customer: CustomerId) -> Result<Vec<Card>, StoreError> {
        let rows = sqlx::query_as(select!("where customer_id = $1 and withdrawn_at is null order by scope_kind"))
            .bind(customer.0)
            .fetch_all(self.pool())
            .await?;
        read_all(rows)
    }

    /// Sets of cards as they were issued, newest first: those of the last `limit` moments of issue.
    ///
    /// # Errors
    /// What the database says.
    pub async fn issued_cards(&self, customer: CustomerId, limit: u32) -> Result<Vec<Vec<Card>>, StoreError> {
        let rows = sqlx::query_as(select!(
            "where customer_id = $1 and valid_from in (select distinct valid_from from cards where customer_id = $1 \
             order by valid_from desc limit $2) order by valid_from desc, scope_kind"
        ))
        .bind(customer.0)
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        let mut sets: Vec<Vec<Card>> = Vec::new();
        for card in read_all(rows)? {
            match sets.last_mut() {
                Some(set) if set.first().is_some_and(|first| first.valid_from == card.valid_from) => set.push(card),
                _ => sets.push(vec![card]),
            }
        }
        Ok(sets)
    }
}

/// The cards that are not withdrawn, inside a story's transaction.
///
/// # Errors
/// What the database says.
pub async fn current(tx: &mut Tx, customer: CustomerId) -> Result<Vec<Card>, StoreError> {
    let rows = sqlx::query_as(select!("where customer_id = $1 and withdrawn_at is null order by scope_kind"))
        .bind(customer.0)
        .fetch_all(&mut **tx)
        .await?;
    read_all(rows)
}

/// One card of this customer, withdrawn or not; `None` also for another customer's.
///
/// # Errors
/// What the database says.
pub async fn find(tx: &mut Tx, customer: CustomerId, card: CardId) -> Result<Option<FoundCard>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Found {
        #[sqlx(flatten)]
        row: Row,
        withdrawn: bool,
    }
    let found: Option<Found> = sqlx::query_as(
        "select id, scope_kind, scope_ref, subject, rate_bp, valid_from, valid_until, active, reasons, \
         withdrawn_at is not null as withdrawn from cards where id = $1 and customer_id = $2",
    )
    .bind(card.0)
    .bind(customer.0)
    .fetch_optional(&mut **tx)
    .await?;
    found.map(|found| Ok(FoundCard { card: found.row.try_into()?, withdrawn: found.withdrawn })).transpose()
}

/// What the customer's row is once their cards have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dealt {
    /// Moves whenever the cards or the active one change.
    pub version: i64,
    pub edition: Edition,
}

/// Withdraws what the customer has, puts `cards` in its place and moves the version. The caller holds the customer's lock.
///
/// # Errors
/// `cards_one_active` and `cards_one_of_a_kind` for a set that is none.
pub async fn replace(
    tx: &mut Tx,
    customer: CustomerId,
    cards: &[Card],
    now: DateTime<Utc>,
) -> Result<Dealt, StoreError> {
    sqlx::query("update cards set withdrawn_at = $2, active = false where customer_id = $1 and withdrawn_at is null")
        .bind(customer.0)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    let (kinds, refs): (Vec<&str>, Vec<&str>) = cards.iter().map(|card| columns(&card.scope)).unzip();
    sqlx::query(
        "insert into cards (id, customer_id, scope_kind, scope_ref, subject, rate_bp, valid_from, valid_until, active, \
         reasons) select id, $2, kind, ref, subject, rate, from_, until_, active, reasons \
         from unnest($1::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[], $8::timestamptz[], \
         $9::bool[], $10::jsonb[]) as new (id, kind, ref, subject, rate, from_, until_, active, reasons)",
    )
    .bind(cards.iter().map(|card| card.id.0).collect::<Vec<_>>())
    .bind(customer.0)
    .bind(kinds)
    .bind(refs)
    .bind(cards.iter().map(|card| card.subject.as_str()).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| i32::try_from(card.rate.bp()).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.valid_from).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.valid_until).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.active).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| Json(&card.reasons)).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    next_version(tx, customer).await
}

/// Makes one card active and the others not, and moves the version. The caller holds the customer's lock.
///
/// # Errors
/// What the database says.
pub async fn activate(tx: &mut Tx, customer: CustomerId, card: CardId) -> Result<Dealt, StoreError> {
    // Two statements, because a unique index is checked row by row.
    sqlx::query("update cards set active = false where customer_id = $1 and active and withdrawn_at is null")
        .bind(customer.0)
        .execute(&mut **tx)
        .await?;
    sqlx::query("update cards set active = true where customer_id = $1 and id = $2 and withdrawn_at is null")
        .bind(customer.0)
        .bind(card.0)
        .execute(&mut **tx)
        .await?;
    next_version(tx, customer).await
}

async fn next_version(tx: &mut Tx, customer: CustomerId) -> Result<Dealt, StoreError> {
    let (version, edition) = sqlx::query_as(
        "update customers set offers_version = offers_version + 1 where id = $1 \
         returning offers_version, pg_current_xact_id()::xid::text::bigint",
    )
    .bind(customer.0)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Dealt { version, edition: Edition(edition) })
}

/// How often something was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count<T> {
    pub of: T,
    /// The category's title, in the language asked for.
    pub title: String,
    /// Receipts (sales that were not cancelled) that have it.
    pub times: u32,
}

/// What the issue of cards needs to know of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub currency: Currency,
    pub floor: MarginFloor,
    pub catalogue_version: i64,
    pub time_zone: String,
    pub discounts: offers::Terms,
}

/// The cards that a customer had last, kind by kind, also long withdrawn ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastIssue {
    /// The newest issue of any kind; `None` when there was none.
    pub at: Option<DateTime<Utc>>,
    pub basket: Option<Rate>,
    pub category: Option<Rate>,
    pub product: Option<Rate>,
}

/// `None` before the shop was set up.
///
/// # Errors
/// What the database says.
pub async fn terms(tx: &mut Tx) -> Result<Option<Terms>, StoreError> {
    let settings = crate::shop::settings(tx).await?;
    Ok(settings.map(|settings| Terms {
        currency: settings.currency,
        floor: settings.floor,
        catalogue_version: settings.catalogue_version,
        time_zone: settings.time_zone,
        discounts: settings.discounts,
    }))
}

/// # Errors
/// What the database says.
pub async fn last_issue(tx: &mut Tx, customer: CustomerId) -> Result<LastIssue, StoreError> {
    let rows: Vec<(String, i32, DateTime<Utc>)> = sqlx::query_as(
        "select distinct on (scope_kind) scope_kind, rate_bp, valid_from from cards where customer_id = $1 \
         order by scope_kind, valid_from desc, id desc",
    )
    .bind(customer.0)
    .fetch_all(&mut **tx)
    .await?;
    let mut last = LastIssue::default();
    for (kind, rate, at) in rows {
        let rate = Some(Rate(u32::try_from(rate).map_err(corrupt)?));
        match kind.as_str() {
            "basket" => last.basket = rate,
            "category" => last.category = rate,
            _ => last.product = rate,
        }
        last.at = last.at.max(Some(at));
    }
    Ok(last)
}

/// The segment that the newest purchase after `since` moved the customer to; `None` when none of them moved it. A new fit
/// of the segments is no purchase.
///
/// # Errors
/// What the database says.
pub async fn moved_by_purchase(
    tx: &mut Tx,
    customer: CustomerId,
    since: DateTime<Utc>,
) -> Result<Option<SegmentName>, StoreError> {
    let name: Option<Json<SegmentName>> = sqlx::query_scalar(
        "select c.to_name from segment_changes c where c.customer_id = $1 and c.at > $2 and exists ( \
           select 1 from receipts r where r.customer_id = $1 and r.at = c.at and r.source = 'till' and r.kind = 'sale' \
           and r.cancelled_at is null) order by c.at desc, c.id desc limit 1",
    )
    .bind(customer.0)
    .bind(since)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(name.map(|name| name.0))
}

/// On how many receipts a customer took each category, the strongest first.
///
/// # Errors
/// What the database says.
pub async fn categories_bought(
    tx: &mut Tx,
    customer: CustomerId,
    locale: Locale,
    limit: u16,
) -> Result<Vec<Count<CategoryId>>, StoreError> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "select c.id, case when $2 = 'ru' then c.title_ru else c.title_en end, count(distinct r.id) from receipts r \
         join receipt_lines l on l.receipt_id = r.id join products p on p.sku = l.sku \
         join categories c on c.id = p.category \
         where r.customer_id = $1 and r.kind = 'sale' and r.cancelled_at is null and l.quantity > 0 and p.offerable \
         group by c.id order by count(distinct r.id) desc, c.id limit $3",
    )
    .bind(customer.0)
    .bind(locale.tag())
    .bind(i64::from(limit))
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(of, title, times)| Count {
            of: CategoryId::new(of),
            title,
            times: u32::try_from(times).unwrap_or(u32::MAX),
        })
        .collect())
}

/// On how many receipts a customer took each product that may be offered, the strongest first.
///
/// # Errors
/// What the database says.
pub async fn products_bought(
    tx: &mut Tx,
    customer: CustomerId,
    locale: Locale,
    limit: u16,
) -> Result<Vec<Count<Product>>, StoreError> {
    counted(
        sqlx::query_as(
            "select p.sku, case when $2 = 'ru' and p.name_ru <> '' then p.name_ru else p.name end as name, \
             p.category, case when $2 = 'ru' then c.title_ru else c.title_en end as title, \
             p.price, p.cost, p.offerable, count(distinct r.id) as times \
             from receipts r join receipt_lines l on l.receipt_id = r.id join products p on p.sku = l.sku \
             join categories c on c.id = p.category \
             where r.customer_id = $1 and r.kind = 'sale' and r.cancelled_at is null and l.quantity > 0 \
             and p.offerable and p.cost is not null \
             group by p.sku, c.id order by count(distinct r.id) desc, p.sku limit $3",
        )
        .bind(customer.0)
        .bind(locale.tag())
        .bind(i64::from(limit))
        .fetch_all(&mut **tx)
        .await?,
    )
}

/// These products, of those that may be offered, by what they are called in a language.
///
/// # Errors
/// What the database says.
pub async fn named_products(tx: &mut Tx, skus: &[&str], locale: Locale) -> Result<Vec<Product>, StoreError> {
    let counted = counted(
        sqlx::query_as(
            "select p.sku, case when $2 = 'ru' and p.name_ru <> '' then p.name_ru else p.name end as name, p.category, \
             '' as title, p.price, p.cost, p.offerable, 0::bigint as times from products p where p.sku = any($1) and p.offerable",
        )
        .bind(skus)
        .bind(locale.tag())
        .fetch_all(&mut **tx)
        .await?,
    )?;
    Ok(counted.into_iter().map(|count| count.of).collect())
}

/// Sales that popularity is counted over: the newest, so that the read has a bound.
const POPULAR_AMONG: i64 = 1_000;

/// What guests take of the products that may be offered, over the newest sales. In a shop that has sold nothing, the
/// first of the menu with `times` 0.
///
/// # Errors
/// What the database says.
pub async fn popular_products(tx: &mut Tx, locale: Locale, limit: u16) -> Result<Vec<Count<Product>>, StoreError> {
    counted(
        sqlx::query_as(
            "with newest as (select id from receipts where kind = 'sale' and cancelled_at is null \
               order by id desc limit $3), \
             sold as (select l.sku, count(distinct l.receipt_id) as times from newest n \
               join receipt_lines l on l.receipt_id = n.id where l.quantity > 0 group by l.sku) \
             select p.sku, case when $1 = 'ru' and p.name_ru <> '' then p.name_ru else p.name end as name, \
             p.category, case when $1 = 'ru' then c.title_ru else c.title_en end as title, \
             p.price, p.cost, p.offerable, coalesce(s.times, 0) as times \
             from products p join categories c on c.id = p.category left join sold s on s.sku = p.sku \
             where p.offerable and p.cost is not null \
             order by coalesce(s.times, 0) desc, c.position, p.position, p.sku limit $2",
        )
        .bind(locale.tag())
        .bind(i64::from(limit))
        .bind(POPULAR_AMONG)
        .fetch_all(&mut **tx)
        .await?,
    )
}

/// Category, shelf price and cost of every product that may be offered.
///
/// # Errors
/// What the database says.
pub async fn offerable_prices(tx: &mut Tx) -> Result<Vec<(CategoryId, Amount, Amount)>, StoreError> {
    let rows: Vec<(String, i64, i64)> =
        sqlx::query_as("select category, price, cost from products where offerable and cost is not null order by sku")
            .fetch_all(&mut **tx)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(category, price, cost)| (CategoryId::new(category), Amount(price), Amount(cost)))
        .collect())
}

/// What a card's subject is called in a language; `None` when it is no longer sold.
///
/// # Errors
/// What the database says.
pub async fn subject(tx: &mut Tx, scope: &CardScope, locale: Locale) -> Result<Option<String>, StoreError> {
    let (statement, name) = match scope {
        CardScope::Basket => return Ok(Some(String::new())),
        CardScope::Category(category) => (
            "select case when $2 = 'ru' then title_ru else title_en end from categories where id = $1",
            category.as_str(),
        ),
        CardScope::Product(sku) => (
            "select case when $2 = 'ru' and name_ru <> '' then name_ru else name end from products where sku = $1",
            sku.as_str(),
        ),
    };
    Ok(sqlx::query_scalar(statement).bind(name).bind(locale.tag()).fetch_optional(&mut **tx).await?)
}

/// Says cards in other words and moves the version; nothing else of them changes.
///
/// # Errors
/// What the database says.
pub async fn rename(tx: &mut Tx, customer: CustomerId, cards: &[Card]) -> Result<Dealt, StoreError> {
    for card in cards {
        sqlx::query("update cards set subject = $3, reasons = $4 where customer_id = $1 and id = $2")
            .bind(customer.0)
            .bind(card.id.0)
            .bind(&card.subject)
            .bind(Json(&card.reasons))
            .execute(&mut **tx)
            .await?;
    }
    next_version(tx, customer).await
}

#[derive(sqlx::FromRow)]
struct CountedRow {
    sku: String,
    name: String,
    category: String,
    title: String,
    price: i64,
    cost: Option<i64>,
    offerable: bool,
    times: i64,
}

fn counted(rows: Vec<CountedRow>) -> Result<Vec<Count<Product>>, StoreError> {
    rows.into_iter()
        .map(|row| {
            let product = Product {
                sku: Sku::parse(row.sku).map_err(corrupt)?,
                name: row.name,
                category: CategoryId::new(row.category),
                price: Amount(row.price),
                cost: row.cost.map(Amount),
                offerable: row.offerable,
            };
            Ok(Count { of: product, title: row.title, times: u32::try_from(row.times).unwrap_or(u32::MAX) })
        })
        .collect()
}
