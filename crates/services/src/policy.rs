//! Who is offered what: by the segment's level, by chance to learn from it, or by what was learned; and what it brings.
//!
//! Every offer is logged with the probability with which it was made (`store::offers`). From the log customers' answers are
//! learned ([`training`]); what may be spent is planned every night ([`planning`]); one customer's rate is decided when cards are
//! issued ([`choice`]); and who is held out for good shows what it all brings ([`brought`]).

pub mod brought;
pub(crate) mod choice;
mod dashboard;
mod log;
mod models;
pub mod planning;
pub mod training;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use contract::Refusal;
use discount::response::Levels;
use domain::{CustomerId, Rate};
use store::StoreError;
use store::offers::{Mode, State, Terms};

use crate::Shop;
use crate::clock::Draw;

pub(crate) use models::Models;
pub use training::Training;

/// Between two levels.
pub const STEP: Rate = Rate(250);
/// A model that is older says nothing of today's customers any more.
const MODEL_LASTS: TimeDelta = TimeDelta::days(120);
/// A plan that is older spends by prices of another time.
const PLAN_LASTS: TimeDelta = TimeDelta::days(8);
const PLAN_EVERY: TimeDelta = TimeDelta::hours(24);
const TRAIN_EVERY: TimeDelta = TimeDelta::days(7);
/// Where there was too little to learn from, it is not tried again the same night.
const REFUSED_FOR: TimeDelta = TimeDelta::hours(12);

/// Weeks are counted from this Monday.
pub(crate) fn first_monday() -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 6).unwrap_or_default()
}

/// The week of the shop's own that a moment lies in.
#[must_use]
pub fn week_of(at: DateTime<Utc>, zone: Tz) -> u32 {
    let days = at.with_timezone(&zone).date_naive().num_days_from_ce() - first_monday().num_days_from_ce();
    u32::try_from(days.div_euclid(7)).unwrap_or(0)
}

/// The moment at which a week begins.
#[must_use]
pub fn week_begins(week: u32, zone: Tz) -> DateTime<Utc> {
    let date = first_monday().checked_add_days(Days::new(7 * u64::from(week))).unwrap_or(NaiveDate::MAX);
    let midnight = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        // Clocks go forward at midnight in some zones.
        LocalResult::None => (zone.from_utc_datetime(&midnight)).with_timezone(&Utc),
    }
}

/// A stretch of weeks with a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub number: i32,
    pub begins: u32,
    /// The week after its last.
    pub ends: u32,
}

/// The period that a week belongs to; a week before the first belongs to the first.
#[must_use]
pub fn period_of(terms: &Terms, week: u32) -> Period {
    let weeks = terms.period_weeks.max(1);
    let number = week.saturating_sub(terms.period_from) / weeks;
    let begins = terms.period_from + number * weeks;
    Period { number: i32::try_from(number).unwrap_or(i32::MAX), begins, ends: begins + weeks }
}

/// The random half of a customer's id, which nobody chose.
pub(crate) fn number_of(customer: CustomerId) -> u64 {
    customer.0.as_u64_pair().1
}

/// Whether a customer gets no personal discount, for good (law 7).
#[must_use]
pub fn is_held_out(terms: &Terms, customer: CustomerId) -> bool {
    let share = f64::from(terms.held_out.bp()) / f64::from(Rate::WHOLE.bp());
    terms.held_out > Rate::ZERO && discount::pilot::is_held_out(seed_of(terms), share, number_of(customer))
}

pub(crate) fn seed_of(terms: &Terms) -> u64 {
    terms.seed.cast_unsigned()
}

/// What the pilot offers, and what a model is learned for.
pub(crate) fn levels_of(terms: &Terms) -> Levels {
    Levels::steps(STEP, terms.most)
}

impl Shop {
    /// What the shop's clock says.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The terms in force.
    ///
    /// # Errors
    /// `shop-not-set-up`, else when the store is away.
    pub async fn discount_terms(&self) -> Result<Terms, Refusal> {
        Ok(self.snapshot().await?.settings.discounts)
    }

    /// Changes the terms. Whoever has cards keeps them until they buy or the cards run out.
    ///
    /// # Errors
    /// `discount-terms` with what is wrong with them, else when the store is away.
    pub async fn set_discount_terms(&self, terms: &Terms) -> Result<(), Refusal> {
        let wrong = |detail: &str| Err(Refusal::unacceptable("discount-terms", detail));
        if terms.held_out > Rate(5_000) || terms.exploring > Rate(5_000) {
            return wrong("At most half of all customers are held out, and half of all offers made to learn.");
        }
        if !(Rate(250)..=Rate(3_750)).contains(&terms.most) || !terms.most.bp().is_multiple_of(STEP.bp()) {
            return wrong("The most is a multiple of 2.5 % from 2.5 to 37.5 %.");
        }
        if terms.least > terms.most || !terms.least.bp().is_multiple_of(STEP.bp()) {
            return wrong("The least is a multiple of 2.5 % and not above the most.");
        }
        if !(1..=104).contains(&terms.period_weeks) {
            return wrong("A period has 1 to 104 weeks.");
        }
        if terms.budget.is_some_and(|budget| budget.minor() < 0) {
            return wrong("A budget is not below nothing.");
        }
        // Any but nothing, which stands for none.
        let fresh = (self.entropy.number() | 1).cast_signed();
        self.store.set_discount_terms(terms, fresh).await.map_err(|error| self.failed(&error))?;
        self.snapshots.expire();
        Ok(())
    }

    /// Puts a model in use, makes the shadow of it, or rejects it. One that comes into use is planned with at once.
    ///
    /// # Errors
    /// `model-not-found`, and `model-broken` for one that cannot be read; then nothing changed. Else when the store is away.
    pub async fn set_model_state(&self, version: i32, state: State) -> Result<(), Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let now = self.clock.now();
        let mut tx = self.store.begin().await.map_err(failed)?;
        if !store::offers::set_state(&mut tx, version, state, now).await.map_err(failed)? {
            return Err(Refusal::not_found("model-not-found", "There is no model of this version."));
        }
        let decides = matches!(state, State::InUse | State::Shadow);
        if decides {
            let stored = store::offers::model(&mut tx, state).await.map_err(failed)?;
            if stored.is_none_or(|stored| models::read_response(stored.model).is_err()) {
                let detail = format!("Model {version} cannot be read: train another.");
                return Err(Refusal::conflict("model-broken", detail));
            }
        }
        store::commit(tx).await.map_err(failed)?;
        if decides {
            self.plan(state).await?;
        }
        Ok(())
    }

    /// Puts the model back that was in use before the one that is. Gives its version.
    ///
    /// # Errors
    /// `model-not-found` where there was none, else as [`Shop::set_model_state`].
    pub async fn roll_back_model(&self) -> Result<i32, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let mut tx = self.store.begin().await.map_err(failed)?;
        let before = store::offers::used_before(&mut tx).await.map_err(failed)?;
        drop(tx);
        let before =
            before.ok_or_else(|| Refusal::not_found("model-not-found", "No model was in use before this one."))?;
        self.set_model_state(before, State::InUse).await?;
        Ok(before)
    }

    /// What is due of training and planning; `true` where something was done. At `night` a little earlier, so that it is done then.
    ///
    /// # Errors
    /// As [`Shop::train`] and [`Shop::plan`].
    pub async fn learn_when_due(&self, night: bool) -> Result<bool, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let Some(settings) = self.store.settings().await.map_err(failed)? else { return Ok(false) };
        let now = self.clock.now();
        let early = if night { TimeDelta::hours(6) } else { TimeDelta::zero() };
        let is_due =
            |last: Option<DateTime<Utc>>, every: TimeDelta| last.is_none_or(|last| now - last >= every - early);
        let mut did = false;
        let newest = self.store.response_models().await.map_err(failed)?.first().map(|model| model.trained_at);
        // The first one waits for its night: it may take minutes.
        let refused = self.training.refused().is_some_and(|(at, _)| now - at < REFUSED_FOR);
        let may_train = settings.discounts.mode != Mode::Rule && (night || newest.is_some()) && !refused;
        if may_train && is_due(newest, TRAIN_EVERY) {
            match self.train(&|_| ()).await {
                Ok((version, report)) => {
                    tracing::info!(version, outcome = ?report.outcome, "a model of responses was trained");
                    did = true;
                }
                // It is tried again every night until there is enough.
                Err(refusal) if refusal.is("too-little-to-learn") => tracing::info!("{}", refusal.detail),
                Err(refusal) => return Err(refusal),
            }
        }
        let models = self.store.response_models().await.map_err(failed)?;
        for state in [State::InUse, State::Shadow] {
            let model = models.iter().find(|model| model.state == state.as_str());
            if model.is_some_and(|model| is_due(model.planned_at, PLAN_EVERY)) {
                self.plan(state).await?;
                did = true;
            }
        }
        Ok(did)
    }
}

#[cfg(test)]
mod tests;
