//! What is offered to whom: the chain's terms, the log of offers, and the models that decide.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{Amount, CustomerId, Rate};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{Store, StoreError, Tx};

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
            mode: Mode::parse(&self.discount_mode).map_err(|why| corrupt("mode of discounts", why))?,
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

fn corrupt(what: &'static str, why: impl ToString) -> StoreError {
    StoreError::Corrupt { what, why: why.to_string() }
}

fn number(stored: i32) -> Result<u32, StoreError> {
    u32::try_from(stored).map_err(|why| corrupt("terms of discounts", why))
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
        found.ok_or_else(|| corrupt("offer", format!("nobody is called {text}")))
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
        "select distinct customer_id from offers where $1::uuid is null or customer_id > $1 \
         order by customer_id limit $2",
    )
    .bind(after)
    .bind(customers)
    .fetch_all(&mut **tx)
    .await?)
}

/// What cards took off from `from` on. Returns do not give it back: what was spent is spent.
pub async fn cards_cost(tx: &mut Tx, from: DateTime<Utc>) -> Result<Amount, StoreError> {
    let cost: i64 = sqlx::query_scalar(
        "select coalesce(sum((paid ->> 'amount')::bigint), 0)::bigint from receipts r \
         join receipt_lines l on l.receipt_id = r.id, jsonb_array_elements(l.allocations) as paid \
         where r.at >= $1 and r.kind = 'sale' and r.cancelled_at is null and l.allocations is not null \
         and paid ->> 'source' = 'card'",
    )
    .bind(from)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Amount(cost))
}

/// A model as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct StoredModel {
    pub id: Uuid,
    pub version: i32,
    pub trained_at: DateTime<Utc>,
    pub model: serde_json::Value,
    pub plan: Option<serde_json::Value>,
    pub planned_at: Option<DateTime<Utc>>,
}

/// What is told of a model.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ModelRow {
    pub version: i32,
    pub trained_at: DateTime<Utc>,
    pub state: String,
    pub used_at: Option<DateTime<Utc>>,
    pub planned_at: Option<DateTime<Utc>>,
    pub report: serde_json::Value,
}

/// What a model may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Shadow,
    InUse,
    Retired,
    Rejected,
}

impl State {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::InUse => "in_use",
            Self::Retired => "retired",
            Self::Rejected => "rejected",
        }
    }
}

const MODEL: &str = "select id, version, trained_at, model, plan, planned_at from response_models where state = $1";

/// The one model of this state, of which there is at most one: in use, or the shadow.
pub async fn model(tx: &mut Tx, state: State) -> Result<Option<StoredModel>, StoreError> {
    Ok(sqlx::query_as(MODEL).bind(state.as_str()).fetch_optional(&mut **tx).await?)
}

/// Version and time of plan of the models in use and in the shadow: what of them is read already need not be read again.
pub async fn versions(tx: &mut Tx) -> Result<Vec<(String, i32, Option<DateTime<Utc>>)>, StoreError> {
    Ok(sqlx::query_as("select state, version, planned_at from response_models where state in ('in_use', 'shadow')")
        .fetch_all(&mut **tx)
        .await?)
}

/// Stores a new model as the next version, not in use.
pub async fn keep_model(
    tx: &mut Tx,
    id: Uuid,
    at: DateTime<Utc>,
    model: &impl serde::Serialize,
    report: &impl serde::Serialize,
) -> Result<i32, StoreError> {
    // Two at once wait for each other here, so that versions have no gap and no double.
    sqlx::query("lock table response_models in share row exclusive mode").execute(&mut **tx).await?;
    Ok(sqlx::query_scalar(
        "insert into response_models (id, version, trained_at, state, model, report) \
         values ($1, (select coalesce(max(version), 0) + 1 from response_models), $2, 'rejected', $3, $4) returning version",
    )
    .bind(id)
    .bind(at)
    .bind(Json(model))
    .bind(Json(report))
    .fetch_one(&mut **tx)
    .await?)
}

/// Gives a model another state; whoever had it is retired, where only one may have it. `false` where there is no such model.
pub async fn set_state(tx: &mut Tx, version: i32, state: State, now: DateTime<Utc>) -> Result<bool, StoreError> {
    sqlx::query("lock table response_models in share row exclusive mode").execute(&mut **tx).await?;
    if matches!(state, State::InUse | State::Shadow) {
        sqlx::query("update response_models set state = 'retired' where state = $1 and version <> $2")
            .bind(state.as_str())
            .bind(version)
            .execute(&mut **tx)
            .await?;
    }
    let done = sqlx::query(
        "update response_models set state = $2, used_at = case when $2 = 'in_use' then $3 else used_at end where version = $1",
    )
    .bind(version)
    .bind(state.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The version that was in use before the one that is.
pub async fn used_before(tx: &mut Tx) -> Result<Option<i32>, StoreError> {
    Ok(sqlx::query_scalar(
        "select version from response_models where state = 'retired' and used_at is not null order by used_at desc limit 1",
    )
    .fetch_optional(&mut **tx)
    .await?)
}

pub async fn keep_plan(
    tx: &mut Tx,
    version: i32,
    plan: &impl serde::Serialize,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update response_models set plan = $2, planned_at = $3 where version = $1")
        .bind(version)
        .bind(Json(plan))
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What customers were expected to bring in a period; who has a forecast for it keeps it.
pub async fn keep_forecasts(tx: &mut Tx, period: i32, customers: &[Uuid], expected: &[f64]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into offer_forecasts (period, customer_id, expected) select $1, id, expected \
         from unnest($2::uuid[], $3::float8[]) as new (id, expected) on conflict do nothing",
    )
    .bind(period)
    .bind(customers)
    .bind(expected)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a customer brought in a stretch of time, and what was known of them before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brought {
    pub customer: Uuid,
    /// Margin after discount, returns taken off; minor units. What is of unknown cost brings nothing.
    pub margin: i64,
    /// The same in a stretch before it that is as long.
    pub margin_before: i64,
    /// What a model expected; `None` where none had been asked.
    pub expected: Option<f64>,
}

/// Offers that were made, by who decided them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub by: By,
    pub offers: u64,
    pub mean: Rate,
    /// Where the rule stood in for a model.
    pub stood_in: u64,
}

impl Store {
    /// What each customer brought from `from` to `until`, of those who were customers at `from`.
    pub async fn brought(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        period: i32,
    ) -> Result<Vec<Brought>, StoreError> {
        // Two lists that are put together here: PostgreSQL thinks that the sums are of few, and would look them through for each customer.
        let customers: Vec<(Uuid, Option<f64>)> = sqlx::query_as(
            "select c.id, f.expected from customers c \
             left join offer_forecasts f on f.customer_id = c.id and f.period = $2 \
             where c.created_at < $1 and c.merged_into is null and c.erased_at is null order by c.id",
        )
        .bind(from)
        .bind(period)
        .fetch_all(self.pool())
        .await?;
        let sums: Vec<(Uuid, i64, i64)> = sqlx::query_as(
            "select customer_id, coalesce(sum(earned) filter (where within), 0)::bigint, \
                 coalesce(sum(earned) filter (where not within), 0)::bigint \
             from (select r.customer_id, r.at >= $1 as within, case when l.unit_cost is null then 0 \
                     else (l.unit_price - l.unit_cost) * l.quantity - l.discount end as earned \
                 from receipts r join receipt_lines l on l.receipt_id = r.id \
                 where r.at >= $1 - ($2 - $1) and r.at < $2 and r.customer_id is not null and r.cancelled_at is null) lines \
             group by customer_id",
        )
        .bind(from)
        .bind(until)
        .fetch_all(self.pool())
        .await?;
        let sums: HashMap<Uuid, (i64, i64)> = sums.into_iter().map(|(id, now, before)| (id, (now, before))).collect();
        let brought = customers.into_iter().map(|(customer, expected)| {
            let (margin, margin_before) = sums.get(&customer).copied().unwrap_or_default();
            Brought { customer, margin, margin_before, expected }
        });
        Ok(brought.collect())
    }

    /// How many offers were made from `since` on, by who decided them.
    pub async fn offers_made(&self, since: DateTime<Utc>) -> Result<Vec<Made>, StoreError> {
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "select policy, count(*), round(avg(rate_bp))::bigint, count(stands_in) from offers where at >= $1 \
             group by policy order by count(*) desc, policy",
        )
        .bind(since)
        .fetch_all(self.pool())
        .await?;
        let made = rows.into_iter().map(|(policy, offers, mean, stood_in)| {
            Ok(Made {
                by: By::parse(&policy)?,
                offers: offers.unsigned_abs(),
                mean: rate(i32::try_from(mean).unwrap_or(i32::MAX))?,
                stood_in: stood_in.unsigned_abs(),
            })
        });
        made.collect()
    }

    /// All models, the newest first.
    pub async fn response_models(&self) -> Result<Vec<ModelRow>, StoreError> {
        Ok(sqlx::query_as(
            "select version, trained_at, state, used_at, planned_at, report from response_models order by version desc",
        )
        .fetch_all(self.pool())
        .await?)
    }

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
