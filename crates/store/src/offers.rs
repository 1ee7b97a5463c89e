//! What is offered to whom: the chain's terms, the log of offers, the models that decide, and what it comes to.

mod measured;
mod models;

use chrono::{DateTime, Utc};
use domain::{Amount, CustomerId, Rate};
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

pub use measured::{Brought, Made, cards_cost, keep_forecasts};
pub use models::{ModelRow, State, StoredModel, keep_model, keep_plan, model, set_state, used_before, versions};

/// Who decides what is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The segment's level.
    #[default]
    Rule,
    /// Levels by chance, to learn from.
    Pilot,
    /// The model in use.
    Learned,
}

impl Mode {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Pilot => "pilot",
            Self::Learned => "learned",
        }
    }

    /// # Errors
    /// The text, where it is none of the three.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = [Self::Rule, Self::Pilot, Self::Learned];
        all.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| format!("no mode is called {text}"))
    }
}

/// What the chain allows its personal offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub mode: Mode,
    /// Of who is held out and of offers by chance.
    pub seed: i64,
    /// The share of customers who are held out.
    pub held_out: Rate,
    pub least: Rate,
    pub most: Rate,
    /// The share of a model's offers that are made to learn.
    pub exploring: Rate,
    /// What cards may cost a period.
    pub budget: Option<Amount>,
    /// Weeks since Monday 2020-01-06.
    pub period_from: u32,
    pub period_weeks: u32,
}

impl Default for Terms {
    /// Those of a new shop.
    fn default() -> Self {
        Self {
            mode: Mode::Rule,
            seed: 0,
            held_out: Rate::ZERO,
            least: Rate::ZERO,
            most: Rate(1_500),
            exploring: Rate(200),
            budget: None,
            period_from: 0,
            period_weeks: 13,
        }
    }
}

/// The terms' columns of `shop`.
#[derive(sqlx::FromRow)]
pub(crate) struct TermsRow {
    discount_mode: String,
    discount_seed: i64,
    held_out_bp: i32,
    discount_least_bp: i32,
    discount_most_bp: i32,
    exploring_bp: i32,
    discount_budget: Option<i64>,
    discount_period_from: i32,
    discount_period_weeks: i32,
}

impl TermsRow {
    pub(crate) fn terms(self) -> Result<Terms, StoreError> {
        Ok(Terms {
            mode: Mode::parse(&self.discount_mode).map_err(|why| StoreError::corrupt("mode of discounts", why))?,
            seed: self.discount_seed,
            held_out: rate(self.held_out_bp)?,
            least: rate(self.discount_least_bp)?,
            most: rate(self.discount_most_bp)?,
            exploring: rate(self.exploring_bp)?,
            budget: self.discount_budget.map(Amount),
            period_from: number(self.discount_period_from)?,
            period_weeks: number(self.discount_period_weeks)?,
        })
    }
}

fn number(stored: i32) -> Result<u32, StoreError> {
    u32::try_from(stored).map_err(|why| StoreError::corrupt("terms of discounts", why))
}

fn rate(bp: i32) -> Result<Rate, StoreError> {
    number(bp).map(Rate)
}

fn bp(rate: Rate) -> i32 {
    i32::try_from(rate.bp()).unwrap_or(i32::MAX)
}

/// One offer of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub customer: CustomerId,
    pub at: DateTime<Utc>,
    pub by: By,
    /// Of the basket, before the margin floor.
    pub rate: Rate,
    /// When the rate was decided, and with which probability; renewed without being decided anew it keeps both.
    pub drawn_at: DateTime<Utc>,
    pub propensity: f64,
    pub model: Option<i32>,
    /// Why the rule answered in the model's place.
    pub stands_in: Option<String>,
    /// The version of the shadow and what it would have offered.
    pub shadow: Option<(i32, Rate)>,
}

/// Who decided an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Rule,
    Pilot,
    Learned,
    /// Nobody: the customer is held out.
    HeldOut,
}

impl By {
    const ALL: [Self; 4] = [Self::Rule, Self::Pilot, Self::Learned, Self::HeldOut];

    fn parse(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|by| by.as_str() == text);
        found.ok_or_else(|| StoreError::corrupt("offer", format!("nobody is called {text}")))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Pilot => "pilot",
            Self::Learned => "learned",
            Self::HeldOut => "held_out",
        }
    }
}

#[derive(sqlx::FromRow)]
struct OfferRow {
    customer_id: Uuid,
    at: DateTime<Utc>,
    policy: String,
    rate_bp: i32,
    drawn_at: DateTime<Utc>,
    propensity: f64,
    model: Option<i32>,
    stands_in: Option<String>,
    shadow: Option<i32>,
    shadow_bp: Option<i32>,
}

impl TryFrom<OfferRow> for Offer {
    type Error = StoreError;

    fn try_from(row: OfferRow) -> Result<Self, StoreError> {
        Ok(Self {
            customer: CustomerId(row.customer_id),
            at: row.at,
            by: By::parse(&row.policy)?,
            rate: rate(row.rate_bp)?,
            drawn_at: row.drawn_at,
            propensity: row.propensity,
            model: row.model,
            stands_in: row.stands_in,
            shadow: row
                .shadow
                .zip(row.shadow_bp)
                .map(|(model, bp)| Ok::<_, StoreError>((model, rate(bp)?)))
                .transpose()?,
        })
    }
}

/// What a customer bought in one week of the shop's own.
#[derive(Clone, Copy, Debug, PartialEq, sqlx::FromRow)]
pub struct WeekOfPurchases {
    pub customer: Uuid,
    /// Since Monday 2020-01-06.
    pub week: i32,
    /// Of the first of them.
    pub at: DateTime<Utc>,
    /// At shelf prices, what it cost, and what was taken off. What is of unknown cost earns nothing.
    pub gross: i64,
    pub cost: i64,
    pub discount: i64,
}

const OFFERS: &str = "select customer_id, at, policy, rate_bp, drawn_at, propensity, model, stands_in, shadow, shadow_bp \
     from offers where customer_id = any($1) order by customer_id, at, id";

const WEEKS: &str = "select r.customer_id as customer, \
         ((r.at at time zone $2)::date - date '2020-01-06') / 7 as week, min(r.at) as at, \
         sum(r.subtotal)::bigint as gross, sum(r.discount)::bigint as discount, \
         sum((select coalesce(sum(coalesce(l.unit_cost, l.unit_price) * l.quantity), 0) from receipt_lines l \
             where l.receipt_id = r.id))::bigint as cost \
     from receipts r where r.customer_id = any($1) and r.kind = 'sale' and r.cancelled_at is null \
         and r.at >= (select min(o.at) from offers o where o.customer_id = r.customer_id) \
     group by 1, 2 order by 1, 2";

/// Writes an offer into the log. Nothing of the log is ever changed.
///
/// # Errors
/// Only when the database fails; so everywhere in this module where nothing else is said.
pub async fn log(tx: &mut Tx, offer: &Offer) -> Result<(), StoreError> {
    sqlx::query(
        "insert into offers (customer_id, at, policy, rate_bp, propensity, model, stands_in, shadow, shadow_bp, drawn_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(offer.customer.0)
    .bind(offer.at)
    .bind(offer.by.as_str())
    .bind(bp(offer.rate))
    .bind(offer.propensity)
    .bind(offer.model)
    .bind(&offer.stands_in)
    .bind(offer.shadow.map(|(model, _)| model))
    .bind(offer.shadow.map(|(_, rate)| bp(rate)))
    .bind(offer.drawn_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The offers of these customers, in order of customer and time.
pub async fn of(tx: &mut Tx, customers: &[Uuid]) -> Result<Vec<Offer>, StoreError> {
    let rows: Vec<OfferRow> = sqlx::query_as(OFFERS).bind(customers).fetch_all(&mut **tx).await?;
    rows.into_iter().map(Offer::try_from).collect()
}

/// The newest offer of a customer, and how many they had.
pub async fn newest(tx: &mut Tx, customer: CustomerId) -> Result<Option<(Offer, u64)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Newest {
        #[sqlx(flatten)]
        row: OfferRow,
        count: i64,
    }
    let found: Option<Newest> = sqlx::query_as(
        "select customer_id, at, policy, rate_bp, drawn_at, propensity, model, stands_in, shadow, shadow_bp, \
         (select count(*) from offers c where c.customer_id = $1) as count \
         from offers where customer_id = $1 order by at desc, id desc limit 1",
    )
    .bind(customer.0)
    .fetch_optional(&mut **tx)
    .await?;
    found.map(|found| Ok((found.row.try_into()?, found.count.unsigned_abs()))).transpose()
}

/// Whether a customer bought at a till after this moment, and kept it.
pub async fn bought_since(tx: &mut Tx, customer: CustomerId, at: DateTime<Utc>) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from receipts where customer_id = $1 and at > $2 and source = 'till' and kind = 'sale' \
         and cancelled_at is null)",
    )
    .bind(customer.0)
    .bind(at)
    .fetch_one(&mut **tx)
    .await?)
}

/// What these customers bought since their first offer, by weeks in `zone`.
pub async fn purchases(tx: &mut Tx, customers: &[Uuid], zone: &str) -> Result<Vec<WeekOfPurchases>, StoreError> {
    Ok(sqlx::query_as(WEEKS).bind(customers).bind(zone).fetch_all(&mut **tx).await?)
}

/// The next customers after this one who were ever offered something.
pub async fn page(tx: &mut Tx, after: Option<Uuid>, customers: i64) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar(
        "select distinct customer_id from offers where customer_id > $1 \
         order by customer_id limit $2",
    )
    .bind(after.unwrap_or_default())
    .bind(customers)
    .fetch_all(&mut **tx)
    .await?)
}

impl Store {
    /// Changes the terms. `fresh` becomes the seed where there is none yet, and never again.
    ///
    /// # Errors
    /// A constraint of `shop` for terms that make no sense.
    pub async fn set_discount_terms(&self, terms: &Terms, fresh: i64) -> Result<(), StoreError> {
        sqlx::query(
            "update shop set discount_mode = $1, held_out_bp = $2, discount_least_bp = $3, discount_most_bp = $4, \
                 exploring_bp = $5, discount_budget = $6, discount_period_from = $7, discount_period_weeks = $8, \
                 discount_seed = case when discount_seed = 0 then $9 else discount_seed end",
        )
        .bind(terms.mode.as_str())
        .bind(bp(terms.held_out))
        .bind(bp(terms.least))
        .bind(bp(terms.most))
        .bind(bp(terms.exploring))
        .bind(terms.budget.map(|budget| budget.0))
        .bind(i32::try_from(terms.period_from).unwrap_or(i32::MAX))
        .bind(i32::try_from(terms.period_weeks).unwrap_or(i32::MAX))
        .bind(fresh)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
