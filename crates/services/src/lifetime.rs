//! What customers are worth from now on: BG/NBD and Gamma-Gamma fitted on all purchases, held against the last quarter of the
//! history, and summed up by segment.

use std::collections::BTreeMap;

use contract::Refusal;
use domain::{Amount, SegmentModelId};
use segmentation::clv::{
    BgNbd, Fit, FitError, GammaGamma, Horizon, Observed, Params, Purchase, lifetime_value, summaries,
};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::lifetime::{PurchaseDay, StoredForecast};
use uuid::Uuid;

use crate::Shop;

/// Customers that are read at a time.
const PAGE: i64 = 5_000;
/// Days of a unit of time: purchases are counted in weeks.
const WEEK: f64 = 7.0;
const MONTHS: u32 = 12;
const WEEKS_A_MONTH: f64 = 365.25 / 12.0 / 7.0;
/// What money is worth less a month from now.
const DISCOUNT: f64 = 0.01;
/// The part of the history, from its end, that the forecast is held against.
const HELD_OUT: f64 = 0.25;

/// The forecast as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    pub purchases: Fit<BgNbd>,
    /// None where values spread so far that their likeliest model has no mean, or nobody learned from: then a customer's own
    /// mean and everybody's are weighed by how often they came again.
    pub values: Option<Fit<GammaGamma>>,
    /// The share of a purchase that is earned, over lines whose cost is known; 1 where none is.
    pub margin: f64,
    pub accuracy: Option<Accuracy>,
    /// By index in the segments' model; 0 is whoever no segment has.
    pub segments: BTreeMap<i16, Worth>,
}

/// How well purchases of the last quarter of the history were foretold from the rest: the mean absolute error a customer,
/// beside that of everybody going on as before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    pub weeks: f64,
    pub customers: usize,
    pub error: f64,
    pub error_of_rates: f64,
}

/// Means over the customers of a segment, for twelve months from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    pub customers: u64,
    /// The probability that they are still customers.
    pub alive: f64,
    pub purchases: f64,
    /// At the margin and today's value, minor units.
    pub value: f64,
}

impl Worth {
    #[must_use]
    pub fn amount(&self) -> Amount {
        Amount(self.value.round() as i64)
    }
}

impl Shop {
    /// Fits the forecast on all purchases, and keeps it in the place of the one before.
    ///
    /// # Errors
    /// `too-few-customers` with the number that is needed, `no-forecast` where the purchases have no likeliest model, else when
    /// the store is away; then the forecast before stays.
    pub async fn foretell(&self) -> Result<Forecast, Refusal> {
        let failed = |error: StoreError| self.failed(&error);
        let (now, zone) = (self.clock.now(), self.zone().await?);
        let model = self.store.segment_model_in_use().await.map_err(failed)?.map(|model| SegmentModelId(model.id));
        let mut days: Vec<PurchaseDay> = Vec::new();
        let mut after = None;
        loop {
            let mut tx = self.store.begin().await.map_err(failed)?;
            let page =
                store::lifetime::purchase_days(&mut tx, model, zone.name(), after, PAGE).await.map_err(failed)?;
            days.extend(page.0);
            match page.1 {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        let mut tx = self.store.begin().await.map_err(failed)?;
        let (revenue, cost) = store::lifetime::costed(&mut tx).await.map_err(failed)?;
        drop(tx);
        let margin = if revenue > 0 { (1.0 - cost as f64 / revenue as f64).clamp(0.0, 1.0) } else { 1.0 };
        let made = tokio::task::spawn_blocking(move || forecast(&days, margin)).await;
        let forecast = match made {
            Ok(Ok(forecast)) => forecast,
            Ok(Err(why @ FitError::TooFew { .. })) => {
                return Err(Refusal::unacceptable("too-few-customers", why.to_string()));
            }
            Ok(Err(why)) => return Err(Refusal::unacceptable("no-forecast", why.to_string())),
            Err(_) => return Err(Refusal::conflict("forecast-stopped", "The forecast was stopped before its end.")),
        };
        let stored = serde_json::to_value(&forecast).map_err(|why| failed(corrupt(&why)))?;
        let mut tx = self.store.begin().await.map_err(failed)?;
        let kept = StoredForecast { made_at: now, segment_model: model.map(|model| model.0), forecast: stored };
        store::lifetime::keep_forecast(&mut tx, &kept).await.map_err(failed)?;
        store::commit(tx).await.map_err(failed)?;
        Ok(forecast)
    }

    /// The newest forecast, if it is of the segments of this model.
    pub(crate) async fn foretold(&self, model: Option<SegmentModelId>) -> Result<Option<Forecast>, StoreError> {
        let Some(stored) = self.store.lifetime_forecast().await? else { return Ok(None) };
        if stored.segment_model != model.map(|model| model.0) {
            return Ok(None);
        }
        serde_json::from_value(stored.forecast).map(Some).map_err(|why| corrupt(&why))
    }
}

fn forecast(days: &[PurchaseDay], margin: f64) -> Result<Forecast, FitError> {
    let purchase = |day: &PurchaseDay| Purchase { customer: day.customer, day: day.day, value: day.paid as f64 };
    let purchases: Vec<Purchase<Uuid>> = days.iter().map(purchase).collect();
    let end = days.iter().map(|day| day.day).max().unwrap_or(0);
    let observed = summaries(&purchases, WEEK, end)?;
    let (often, worth) = fits(&observed)?;
    let values = match &worth {
        Some(fit) => fit.model,
        None => weighed(&purchases)?,
    };
    let segment_of: BTreeMap<Uuid, i16> = days.iter().map(|day| (day.customer, day.segment)).collect();
    let horizon =
        Horizon { periods: MONTHS, period_in_units: WEEKS_A_MONTH, discount_rate: DISCOUNT, margin_rate: margin };
    let mut segments: BTreeMap<i16, Worth> = BTreeMap::new();
    for one in &observed {
        let segment = segments.entry(segment_of.get(&one.customer).copied().unwrap_or(0)).or_default();
        segment.customers += 1;
        segment.alive += often.model.probability_alive(&one.summary);
        segment.purchases +=
            often.model.conditional_expected_purchases(f64::from(MONTHS) * WEEKS_A_MONTH, &one.summary);
        segment.value += lifetime_value(&often.model, &values, &one.summary, one.mean_value, &horizon);
    }
    for segment in segments.values_mut() {
        let all = segment.customers as f64;
        (segment.alive, segment.purchases) = (segment.alive / all, segment.purchases / all);
        segment.value /= all;
    }
    Ok(Forecast { purchases: often, values: worth, margin, accuracy: accuracy(&purchases, end), segments })
}

/// A customer who came again x times is worth `x / (x + 1)` of their own mean and the rest of everybody's.
fn weighed(purchases: &[Purchase<Uuid>]) -> Result<GammaGamma, FitError> {
    let all = purchases.len().max(1) as f64;
    let mean = purchases.iter().map(|purchase| purchase.value).sum::<f64>() / all;
    GammaGamma::new(1.0, 2.0, mean.max(1e-9))
}

fn fits(observed: &[Observed<Uuid>]) -> Result<(Fit<BgNbd>, Option<Fit<GammaGamma>>), FitError> {
    let customers: Vec<_> = observed.iter().map(|one| one.summary).collect();
    let values: Vec<(u32, f64)> = observed.iter().map(|one| (one.summary.frequency, one.mean_value)).collect();
    // Values are learned from whoever came again, who are fewer.
    let fewer = Params { min_customers: 50, ..Params::default() };
    Ok((BgNbd::fit(&customers, Params::default())?, GammaGamma::fit(&values, fewer).ok()))
}

/// None where too few customers are older than what is held out.
fn accuracy(purchases: &[Purchase<Uuid>], end: i32) -> Option<Accuracy> {
    let begin = purchases.iter().map(|purchase| purchase.day).min()?;
    let cut = end - (f64::from(end - begin) * HELD_OUT).round() as i32;
    let known = summaries(purchases, WEEK, cut).ok()?;
    let summaries: Vec<_> = known.iter().map(|one| one.summary).collect();
    let model = BgNbd::fit(&summaries, Params::default()).ok()?.model;
    let mut came: BTreeMap<Uuid, u32> = BTreeMap::new();
    for purchase in purchases.iter().filter(|purchase| purchase.day > cut) {
        *came.entry(purchase.customer).or_default() += 1;
    }
    let weeks = f64::from(end - cut) / WEEK;
    let (mut error, mut error_of_rates) = (0.0, 0.0);
    for one in &known {
        let real = f64::from(came.get(&one.customer).copied().unwrap_or(0));
        let rate = if one.summary.age > 0.0 { f64::from(one.summary.frequency) / one.summary.age } else { 0.0 };
        error += (model.conditional_expected_purchases(weeks, &one.summary) - real).abs();
        error_of_rates += (rate * weeks - real).abs();
    }
    let all = known.len() as f64;
    Some(Accuracy { weeks, customers: known.len(), error: error / all, error_of_rates: error_of_rates / all })
}

fn corrupt(why: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { what: "lifetime forecast", why: why.to_string() }
}

#[cfg(test)]
mod tests;
