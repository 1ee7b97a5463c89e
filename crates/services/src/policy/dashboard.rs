//! What marketing sees of offers, and what it may change.

use async_trait::async_trait;
use chrono::TimeDelta;
use contract::offers::{
    ModelState, ModelVerdict, OfferMode, OfferModel, OfferPlan, OfferTerms, OffersBrought, OffersDashboard, OffersMade,
    Range,
};
use contract::staff::StaffCaller;
use contract::{OffersApi, Refusal};
use discount::evaluation::Verdict;
use discount::experiment::Interval;
use domain::Amount;
use store::StoreError;
use store::offers::{By, Mode, ModelRow, State, Terms};

use super::brought::Told;
use super::planning::StoredPlan;
use super::training::TrainingReport;
use super::{period_of, week_begins, week_of};
use crate::Shop;

/// Offers that are counted.
const LATELY: TimeDelta = TimeDelta::days(28);
/// Models that are shown.
const SHOWN: usize = 12;
/// With a smaller probability chance does not part groups like that.
const PARTED: f64 = 1e-3;

fn allowed(caller: &StaffCaller) -> Result<(), Refusal> {
    let may = caller.role.may_see_segments();
    if may { Ok(()) } else { Err(Refusal::forbidden("Personal offers are for marketing.")) }
}

#[async_trait]
impl OffersApi for Shop {
    async fn offers(&self, caller: &StaffCaller) -> Result<OffersDashboard, Refusal> {
        allowed(caller)?;
        let failed = |error: StoreError| self.failed(&error);
        let settings = self.settings().await?;
        let (now, zone, terms) = (self.clock.now(), self.zone().await?, settings.discounts);
        let period = period_of(&terms, week_of(now, zone));
        let from = week_begins(period.begins, zone);
        let made = self.store.offers_made(now - LATELY).await.map_err(failed)?;
        let mut tx = self.store.begin().await.map_err(failed)?;
        let in_use = store::offers::model(&mut tx, State::InUse).await.map_err(failed)?;
        let spent = store::offers::cards_cost(&mut tx, from).await.map_err(failed)?;
        drop(tx);
        let plan = in_use.and_then(|model| serde_json::from_value::<StoredPlan>(model.plan?).ok());
        let models = self.store.response_models().await.map_err(failed)?;
        Ok(OffersDashboard {
            currency: settings.currency,
            terms: OfferTerms {
                mode: mode(terms.mode),
                held_out: terms.held_out,
                least: terms.least,
                most: terms.most,
                budget: terms.budget,
            },
            from,
            until: week_begins(period.ends, zone),
            spent,
            brought: brought(&self.brought().await?),
            plan: plan.map(|StoredPlan { summary, .. }| OfferPlan {
                at: summary.at,
                customers: summary.customers,
                weeks: summary.weeks,
                cost: Amount(summary.cost),
                gain: Amount(summary.gain.round() as i64),
                price: summary.price,
            }),
            models: models.iter().take(SHOWN).filter_map(model).collect(),
            training: self.training.told(),
            training_refused: self.training.refused().map(|(_, refusal)| refusal),
            made: made
                .iter()
                .map(|made| OffersMade {
                    by: match made.by {
                        By::Rule => Some(OfferMode::Rule),
                        By::Pilot => Some(OfferMode::Pilot),
                        By::Learned => Some(OfferMode::Learned),
                        By::HeldOut => None,
                    },
                    offers: made.offers,
                    mean: made.mean,
                })
                .collect(),
            stood_in: made.iter().map(|made| made.stood_in).sum(),
        })
    }

    async fn set_terms(&self, caller: &StaffCaller, new: OfferTerms) -> Result<(), Refusal> {
        allowed(caller)?;
        let now = self.settings().await?.discounts;
        let mode = match new.mode {
            OfferMode::Rule => Mode::Rule,
            OfferMode::Pilot => Mode::Pilot,
            OfferMode::Learned => Mode::Learned,
        };
        let OfferTerms { held_out, least, most, budget, .. } = new;
        self.set_discount_terms(&Terms { mode, held_out, least, most, budget, ..now }).await?;
        tracing::info!(staff = %caller.staff, mode = mode.as_str(), "the terms of personal offers were changed");
        Ok(())
    }

    async fn begin_training(&self, caller: &StaffCaller) -> Result<(), Refusal> {
        allowed(caller)?;
        if self.training.told().is_some() {
            return Ok(());
        }
        // What comes of it is kept with the training, and shown.
        let shop = self.clone();
        tokio::spawn(async move {
            match shop.train(&|_| ()).await {
                Ok((version, report)) => {
                    tracing::info!(version, outcome = ?report.outcome, "a model of responses was trained");
                }
                Err(refusal) => tracing::info!(key = refusal.key, "no model was trained: {}", refusal.detail),
            }
        });
        Ok(())
    }

    async fn stop_training(&self, caller: &StaffCaller) -> Result<(), Refusal> {
        allowed(caller)?;
        self.training.stop();
        Ok(())
    }

    async fn use_model(&self, caller: &StaffCaller, version: i32) -> Result<(), Refusal> {
        allowed(caller)?;
        self.set_model_state(version, State::InUse).await?;
        tracing::info!(staff = %caller.staff, version, "a model of responses was put in use");
        Ok(())
    }

    async fn roll_back(&self, caller: &StaffCaller) -> Result<(), Refusal> {
        allowed(caller)?;
        let version = self.roll_back_model().await?;
        tracing::info!(staff = %caller.staff, version, "a model of responses was put back in use");
        Ok(())
    }
}

fn mode(mode: Mode) -> OfferMode {
    match mode {
        Mode::Rule => OfferMode::Rule,
        Mode::Pilot => OfferMode::Pilot,
        Mode::Learned => OfferMode::Learned,
    }
}

fn range(Interval { estimate, low, high }: Interval) -> Range {
    Range { estimate, low, high }
}

fn brought(told: &Told) -> OffersBrought {
    let money = |minor: f64| Amount(minor.round() as i64);
    OffersBrought {
        offered: told.offered as u64,
        held_out: told.held_out as u64,
        margin_offered: money(told.margin_offered),
        margin_held_out: money(told.margin_held_out),
        effect: told.effect.map(range),
        at_every_look: told.at_every_look.map(range),
        is_parted_by_chance: told.parting.is_none_or(|chance| chance >= PARTED),
    }
}

/// `None` for a row whose report is none: what is shown is never made up.
fn model(row: &ModelRow) -> Option<OfferModel> {
    let report: TrainingReport = serde_json::from_value(row.report.clone()).ok()?;
    let states = [
        (State::Shadow, ModelState::Shadow),
        (State::InUse, ModelState::InUse),
        (State::Retired, ModelState::Retired),
        (State::Rejected, ModelState::Rejected),
    ];
    let weeks: usize = report.calibration.iter().map(|bin| bin.weeks).sum();
    let apart = report.calibration.iter().map(|bin| bin.weeks as f64 * (bin.foretold - bin.came).abs()).sum::<f64>();
    Some(OfferModel {
        version: row.version,
        trained_at: row.trained_at,
        state: states.into_iter().find(|(state, _)| state.as_str() == row.state)?.1,
        customers: report.fit.customers as u64,
        judges: report.judges as u64,
        miscalibration: apart / weeks.max(1) as f64,
        better_by: report.better_by.map(range),
        gain: report.gain.map(|gain| range(gain.robust)),
        verdict: report.gain.map(|gain| match gain.verdict {
            Verdict::Better => ModelVerdict::Better,
            Verdict::Worse => ModelVerdict::Worse,
            Verdict::NotDecidable => ModelVerdict::NotDecidable,
        }),
    })
}
