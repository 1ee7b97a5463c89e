//! What personal offers really bring: customers who get them against those who are held out for good.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contract::Refusal;
use discount::experiment::{Interval, Measured, at_every_look, effect, parting};
use domain::{CustomerId, Rate};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::offers::Brought;

use super::{is_held_out, period_of, week_begins, week_of};
use crate::Shop;

/// How long one look is good for.
const LOOKED: Duration = Duration::from_secs(60);
/// Fewer customers in either group say nothing.
const FEWEST: usize = 50;

/// What a period has brought so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub offered: usize,
    pub held_out: usize,
    /// Mean margin a customer; minor units.
    pub margin_offered: f64,
    pub margin_held_out: f64,
    /// Margin a customer that offers brought beyond what there would have been without; `None` where too few are held out.
    pub effect: Option<Interval>,
    /// The same for who looks every day and stops when it is good.
    pub at_every_look: Option<Interval>,
    /// The probability that chance parts the two so unevenly; under one in a thousand nothing here is to be believed.
    pub parting: Option<f64>,
}

impl Shop {
    /// What the period of now has brought so far, as of a moment ago.
    ///
    /// # Errors
    /// `shop-not-set-up`, else when the store is away.
    pub async fn brought(&self) -> Result<Told, Refusal> {
        const KEY: &str = "offers-brought";
        if let Some(told) = self.recall(KEY).await {
            return Ok(told);
        }
        let told = self.measure_offers().await?;
        self.keep(KEY, &told, LOOKED).await;
        Ok(told)
    }

    /// Measures the period of now against who is held out.
    pub(super) async fn measure_offers(&self) -> Result<Told, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let settings = self.settings().await?;
        let (until, zone, terms) = (self.clock.now(), self.zone().await?, settings.discounts);
        let period = period_of(&terms, week_of(until, zone));
        let from = week_begins(period.begins, zone);
        let all = self.store.brought(from, until, period.number).await.map_err(failed)?;
        let (held_out, offered): (Vec<Brought>, Vec<Brought>) =
            all.into_iter().partition(|one| is_held_out(&terms, CustomerId(one.customer)));
        Ok(told(from, until, &offered, &held_out, terms.held_out))
    }
}

fn told(from: DateTime<Utc>, until: DateTime<Utc>, offered: &[Brought], held_out: &[Brought], share: Rate) -> Told {
    // A forecast counts where everybody has one: two kinds of foreknowledge would part the groups anew.
    let is_foretold = offered.iter().chain(held_out).all(|one| one.expected.is_some());
    let measured = |one: &Brought| Measured {
        outcome: one.margin as f64,
        before: one.expected.filter(|_| is_foretold).unwrap_or(one.margin_before as f64),
    };
    let mean = |all: &[Brought]| all.iter().map(|one| one.margin as f64).sum::<f64>() / all.len().max(1) as f64;
    let enough = offered.len() >= FEWEST && held_out.len() >= FEWEST;
    let effect = if enough { effect(offered.iter().map(measured), held_out.iter().map(measured)) } else { None };
    let margin_held_out = mean(held_out);
    // Narrowest for an effect of a twentieth of what customers bring anyway.
    let at_every_look = effect.and_then(|interval| at_every_look(interval, margin_held_out.abs() / 20.0));
    let share = f64::from(share.bp()) / f64::from(Rate::WHOLE.bp());
    Told {
        from,
        until,
        offered: offered.len(),
        held_out: held_out.len(),
        margin_offered: mean(offered),
        margin_held_out,
        effect,
        at_every_look,
        parting: parting(held_out.len() as u64, offered.len() as u64, share),
    }
}
