//! What a quote stands on, read in one statement and one row: the hot path asks the database twice, here and to keep it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{
    Amount, CategoryId, Currency, CustomerCode, CustomerId, Locale, MarginFloor, Phone, Product, SegmentModelId,
    SessionId, SessionState, Sku, StoreId, TillId,
};
use sqlx::types::Json;
use uuid::Uuid;

use super::parse_state;
use crate::customers::Customer;
use crate::{Store, StoreError, catalogue, shop};

/// Everything but cards that a quote is made from.
#[derive(Clone, Debug)]
pub struct Ground {
    pub currency: Currency,
    pub floor: MarginFloor,
    pub redeem_with_static_code: bool,
    /// Whose code it may be; a rotating code is still to be verified.
    pub customer: Option<Customer>,
    /// Who has used the step of the rotating code, when somebody has.
    pub code_use: Option<CodeUse>,
    /// The session of this id, when there is one already.
    pub session: Option<Standing>,
    pub products: Vec<Product>,
}

/// What is there of a session, for the decision whether it may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub store: StoreId,
    pub state: SessionState,
    pub version: u32,
    /// The first customer it was quoted for, who stays its customer.
    pub customer: Option<CustomerId>,
}

/// One step of a rotating code that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeUse {
    pub till: TillId,
    pub session: Option<SessionId>,
    pub used_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    currency: String,
    min_margin_bp: i32,
    redeem_with_static_code: bool,
    #[sqlx(flatten)]
    session: SessionRow,
    #[sqlx(flatten)]
    code_use: CodeUseRow,
    #[sqlx(flatten)]
    customer: CustomerRow,
    #[sqlx(flatten)]
    products: ProductsRow,
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    session_store: Option<Uuid>,
    session_state: Option<String>,
    session_version: Option<i32>,
    session_customer: Option<Uuid>,
}

#[derive(sqlx::FromRow)]
struct CodeUseRow {
    code_till: Option<Uuid>,
    code_session: Option<Uuid>,
    code_used_at: Option<DateTime<Utc>>,
}

/// The columns of `customers`, each of which may be absent with the customer.
#[derive(sqlx::FromRow)]
struct CustomerRow {
    id: Option<Uuid>,
    external_id: Option<String>,
    phone: Option<String>,
    static_code: Option<String>,
    code_handle: Option<i64>,
    code_secret: Option<Vec<u8>>,
    name: Option<String>,
    email: Option<String>,
    birth_month: Option<i16>,
    birth_day: Option<i16>,
    locale: Option<String>,
    marketing_consent: Option<bool>,
    created_at: Option<DateTime<Utc>>,
    savings: Option<i64>,
    visits: Option<i32>,
    spent: Option<i64>,
    first_purchase_at: Option<DateTime<Utc>>,
    last_purchase_at: Option<DateTime<Utc>>,
    composition: Option<Json<BTreeMap<String, i64>>>,
    segment_model: Option<Uuid>,
    segment_index: Option<i16>,
    offers_version: Option<i64>,
}

/// One array a column: the rest of the row is sent once, however long the basket.
#[derive(sqlx::FromRow)]
struct ProductsRow {
    skus: Option<Vec<String>>,
    names: Option<Vec<String>>,
    categories: Option<Vec<String>>,
    prices: Option<Vec<i64>>,
    costs: Option<Vec<Option<i64>>>,
    offerables: Option<Vec<bool>>,
}

/// The two ways to a customer differ in one condition; each is an index scan.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "select shop.currency, shop.min_margin_bp, shop.redeem_with_static_code, ",
            "sessions.store_id as session_store, sessions.state as session_state, ",
            "sessions.version as session_version, sessions.customer_id as session_customer, ",
            "used_codes.till_id as code_till, used_codes.session_id as code_session, ",
            "used_codes.used_at as code_used_at, ",
            "c.id, c.external_id, c.phone, c.static_code, c.code_handle, c.code_secret, c.name, c.email, c.birth_month, ",
            "c.birth_day, c.locale, c.marketing_consent, c.created_at, c.savings, c.visits, c.spent, ",
            "c.first_purchase_at, c.last_purchase_at, c.composition, c.segment_model, c.segment_index, c.offers_version, ",
            "p.skus, p.names, p.categories, p.prices, p.costs, p.offerables ",
            "from shop left join sessions on sessions.id = $1 left join customers c on ",
            $condition,
            " left join used_codes on used_codes.customer_id = c.id and used_codes.step = $4, ",
            "lateral (select array_agg(sku) as skus, array_agg(name) as names, array_agg(category) as categories, ",
            "array_agg(price) as prices, array_agg(cost) as costs, array_agg(offerable) as offerables ",
            "from products where sku = any($2)) p"
        )
    };
}

impl Store {
    /// Reads what a quote stands on; `None` before the shop was set up.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn ground(
        &self,
        session: SessionId,
        skus: &[Sku],
        code: Option<&CustomerCode>,
    ) -> Result<Option<Ground>, StoreError> {
        let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
        let row: Option<Row> = match code {
            Some(CustomerCode::Rotating(code)) => {
                sqlx::query_as(select!("c.code_handle = $3"))
                    .bind(session.0)
                    .bind(skus)
                    .bind(code.handle.0)
                    .bind(code.step)
                    .fetch_optional(self.pool())
                    .await?
            }
            // Nobody's static code is null.
            Some(CustomerCode::Static(_)) | None => {
                sqlx::query_as(select!("c.static_code = $3"))
                    .bind(session.0)
                    .bind(skus)
                    .bind(match code {
                        Some(CustomerCode::Static(code)) => Some(code.as_str()),
                        _ => None,
                    })
                    .bind(None::<i64>)
                    .fetch_optional(self.pool())
                    .await?
            }
        };
        row.map(Row::ground).transpose()
    }
}

fn corrupt(why: impl ToString) -> StoreError {
    StoreError::Corrupt { what: "customer", why: why.to_string() }
}

impl Row {
    fn ground(self) -> Result<Ground, StoreError> {
        Ok(Ground {
            currency: shop::currency(&self.currency)?,
            floor: shop::floor(self.min_margin_bp)?,
            redeem_with_static_code: self.redeem_with_static_code,
            customer: self.customer.customer()?,
            code_use: self.code_use.code_use(),
            session: self.session.standing()?,
            products: self.products.products()?,
        })
    }
}

impl SessionRow {
    fn standing(self) -> Result<Option<Standing>, StoreError> {
        let (Some(store), Some(state), Some(version)) = (self.session_store, self.session_state, self.session_version)
        else {
            return Ok(None);
        };
        Ok(Some(Standing {
            store: StoreId(store),
            state: parse_state(&state)?,
            version: u32::try_from(version).unwrap_or(0),
            customer: self.session_customer.map(CustomerId),
        }))
    }
}

impl CodeUseRow {
    fn code_use(self) -> Option<CodeUse> {
        Some(CodeUse {
            till: TillId(self.code_till?),
            session: self.code_session.map(SessionId),
            used_at: self.code_used_at?,
        })
    }
}

impl CustomerRow {
    fn customer(self) -> Result<Option<Customer>, StoreError> {
        let Some(id) = self.id else { return Ok(None) };
        let missing = || corrupt("a column that is never null is");
        let secret = self.code_secret.ok_or_else(missing)?;
        let birthday = match (self.birth_month, self.birth_day) {
            (Some(month), Some(day)) => {
                Some((u8::try_from(month).map_err(corrupt)?, u8::try_from(day).map_err(corrupt)?))
            }
            _ => None,
        };
        Ok(Some(Customer {
            id: CustomerId(id),
            external_id: self.external_id,
            phone: self.phone.as_deref().map(Phone::parse).transpose().map_err(corrupt)?,
            static_code: StaticCode::parse(&self.static_code.ok_or_else(missing)?).map_err(corrupt)?,
            code_handle: CodeHandle(self.code_handle.ok_or_else(missing)?),
            code_secret: RotatingSecret(secret.try_into().map_err(|_| corrupt("a secret is 32 bytes"))?),
            name: self.name.ok_or_else(missing)?,
            email: self.email,
            birthday,
            locale: Locale::negotiate(&self.locale.ok_or_else(missing)?),
            marketing_consent: self.marketing_consent.ok_or_else(missing)?,
            created_at: self.created_at.ok_or_else(missing)?,
            savings: Amount(self.savings.ok_or_else(missing)?),
            visits: u32::try_from(self.visits.ok_or_else(missing)?).unwrap_or(0),
            spent: Amount(self.spent.ok_or_else(missing)?),
            first_purchase_at: self.first_purchase_at,
            last_purchase_at: self.last_purchase_at,
            composition: self.composition.ok_or_else(missing)?.0,
            segment_model: self.segment_model.map(SegmentModelId),
            segment_index: u16::try_from(self.segment_index.ok_or_else(missing)?).map_err(corrupt)?,
            offers_version: self.offers_version.ok_or_else(missing)?,
        }))
    }
}

impl ProductsRow {
    fn products(self) -> Result<Vec<Product>, StoreError> {
        let skus = self.skus.unwrap_or_default();
        let mut products = Vec::with_capacity(skus.len());
        let mut names = self.names.unwrap_or_default().into_iter();
        let mut categories = self.categories.unwrap_or_default().into_iter();
        let mut prices = self.prices.unwrap_or_default().into_iter();
        let mut costs = self.costs.unwrap_or_default().into_iter();
        let mut offerables = self.offerables.unwrap_or_default().into_iter();
        for sku in skus {
            let (Some(name), Some(category), Some(price), Some(cost), Some(offerable)) =
                (names.next(), categories.next(), prices.next(), costs.next(), offerables.next())
            else {
                return Err(StoreError::Corrupt { what: "product", why: "columns of unequal length".to_owned() });
            };
            products.push(Product {
                sku: catalogue::sku(sku)?,
                name,
                category: CategoryId(category),
                price: Amount(price),
                cost: cost.map(Amount),
                offerable,
            });
        }
        Ok(products)
    }
}
