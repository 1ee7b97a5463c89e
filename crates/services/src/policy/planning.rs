//! What may be spent until a period ends, and at which price: every night anew, over all customers who were ever offered something.

use chrono::{DateTime, Utc};
use contract::Refusal;
use discount::allocation::{Level, Menus, allocate};
use discount::commitment::{Futures, UsedTo};
use discount::personal::Plan;
use discount::response::Belief;
use domain::{Amount, CustomerId};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::offers::{By, State};
use uuid::Uuid;

use super::models::read_response;
use super::{is_held_out, log, period_of, seed_of, week_of};
use crate::Shop;

/// Customers that are read at a time.
pub(super) const PAGE: i64 = 2_000;
/// Weeks that a promise is looked at over, at the least: what it makes of a customer is seen only with time.
const LOOKS_AHEAD: u32 = 26;
/// What is planned to be spent, of what may be: answers are not known that well.
const AIM: f64 = 0.99;

/// A plan as it is stored, with what it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPlan {
    pub plan: Plan,
    pub summary: Planned,
}

/// What a plan came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    pub version: i32,
    pub at: DateTime<Utc>,
    pub customers: u64,
    /// The period's budget, and what had been spent of it; minor units.
    pub budget: Option<i64>,
    pub spent: i64,
    /// What cards are expected to cost in the time that was looked at, and what they bring beyond that.
    pub cost: i64,
    pub gain: f64,
    pub weeks: u32,
    /// What one more minor unit of budget would bring.
    pub price: f64,
}

impl Shop {
    /// Plans with the model in use, or with the shadow.
    ///
    /// # Errors
    /// `model-not-found` where there is none of this state, `model-broken` where it is none, else when the store is away.
    pub async fn plan(&self, state: State) -> Result<Planned, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let Some(settings) = self.store.settings().await.map_err(failed)? else {
            return Err(crate::till::not_set_up());
        };
        let (now, zone, terms) = (self.clock.now(), self.zone().await?, settings.discounts);
        let mut tx = self.store.begin().await.map_err(failed)?;
        let model = store::offers::model(&mut tx, state).await.map_err(failed)?;
        let model = model.ok_or_else(|| Refusal::not_found("model-not-found", "There is no such model: train one."))?;
        let response = read_response(model.model).map_err(|_| {
            Refusal::conflict("model-broken", format!("Model {} cannot be read: train another.", model.version))
        })?;
        let week = week_of(now, zone);
        let period = period_of(&terms, week);
        let remaining = period.ends.saturating_sub(week).max(1);
        let weeks = remaining.max(LOOKS_AHEAD);
        let begins = super::week_begins(period.begins, zone);
        let spent = store::offers::cards_cost(&mut tx, begins).await.map_err(failed)?;
        drop(tx);

        let seed = seed_of(&terms) ^ u64::from(week);
        let (response, futures) = tokio::task::spawn_blocking(move || {
            let futures = Futures::follow(&response, week, weeks, seed, true);
            (response, futures)
        })
        .await
        .map_err(|why| self.failed(&StoreError::corrupt("plan", why)))?;

        let (least, most) = (response.levels.place(terms.least), response.levels.place(terms.most));
        let (mut menus, mut after, mut prospects, mut minimum) = (Menus::default(), None, Vec::new(), 0.0);
        let mut customers = 0;
        loop {
            let mut tx = self.store.begin().await.map_err(failed)?;
            let page = store::offers::page(&mut tx, after, PAGE).await.map_err(failed)?;
            let Some(last) = page.last().copied() else { break };
            let offers = store::offers::of(&mut tx, &page).await.map_err(failed)?;
            let bought = store::offers::purchases(&mut tx, &page, zone.name()).await.map_err(failed)?;
            let used_to: Vec<UsedTo> = offers
                .chunk_by(|a, b| a.customer == b.customer)
                .filter_map(<[_]>::last)
                .map(|newest| match newest.by {
                    By::Learned => UsedTo::Level(response.levels.place(newest.rate)),
                    By::Rule | By::Pilot | By::HeldOut => UsedTo::Any,
                })
                .collect();
            let logged = log::weeks_of(&offers, &bought, &response.levels, week, zone);
            let (mut ids, mut expected): (Vec<Uuid>, Vec<f64>) = (Vec::new(), Vec::new());
            for (one, used_to) in logged.iter().zip(used_to) {
                let belief = Belief::of(&response, &one.history);
                futures.of(&response, &belief, used_to, &mut prospects);
                let none = prospects.first().map_or(0.0, |none| none.margin);
                ids.push(one.customer);
                expected.push(none * f64::from(remaining) / f64::from(weeks));
                if is_held_out(&terms, CustomerId(one.customer)) {
                    continue;
                }
                // Everybody gets the least; what is beyond it is chosen.
                let base = prospects.get(usize::from(least)).copied().unwrap_or_default();
                minimum += base.discount.max(0.0);
                menus.push(prospects.iter().take(usize::from(most) + 1).skip(usize::from(least) + 1).map(|prospect| {
                    Level {
                        cost: Amount((prospect.discount - base.discount).round() as i64),
                        gain: prospect.margin - base.margin,
                    }
                }));
            }
            customers += ids.len() as u64;
            if state == State::InUse {
                store::offers::keep_forecasts(&mut tx, period.number, &ids, &expected).await.map_err(failed)?;
            }
            store::commit(tx).await.map_err(failed)?;
            after = Some(last);
        }
        // What is left of this period, and as much of the next ones as is looked at.
        let budget = match terms.budget {
            Some(budget) => {
                let ahead = budget.0 as f64 * f64::from(weeks - remaining) / f64::from(terms.period_weeks.max(1));
                let left = (budget - spent).0.max(0) as f64 + ahead - minimum;
                Amount((AIM * left.max(0.0)) as i64)
            }
            None => Amount(i64::MAX),
        };
        let allocation = tokio::task::spawn_blocking(move || allocate(&menus, budget))
            .await
            .map_err(|why| self.failed(&StoreError::corrupt("plan", why)))?;
        let summary = Planned {
            version: model.version,
            at: now,
            customers,
            budget: terms.budget.map(|budget| budget.0),
            spent: spent.0,
            cost: allocation.cost.0 + minimum as i64,
            gain: allocation.gain,
            weeks,
            price: allocation.shadow_price,
        };
        let stored = StoredPlan { plan: Plan { futures, price: allocation.shadow_price }, summary };
        let mut tx = self.store.begin().await.map_err(failed)?;
        store::offers::keep_plan(&mut tx, model.version, &stored, now).await.map_err(failed)?;
        store::commit(tx).await.map_err(failed)?;
        Ok(summary)
    }
}
