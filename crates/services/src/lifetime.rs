//! What customers are worth from now on: BG/NBD and Gamma-Gamma fitted on all purchases, held against the last quarter of the
//! history, and summed up by segment; segments that foretold that quarter better by themselves have a model of their own.

use std::collections::BTreeMap;

use contract::Refusal;
use domain::{Amount, SegmentModelId};
use segmentation::clv::{
    BgNbd, Fit, FitError, Gain, Gains, GammaGamma, Horizon, Judged, Observed, Params, Purchase, Summary, gains,
    lifetime_value, summaries,
};
use segmentation::{Facts, Model};
use serde::{Deserialize, Serialize};
use store::lifetime::{PurchaseDay, StoredForecast};
use store::{StoreError, Tx};
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
    /// Of segments that foretell better by themselves: their own purchases, in the place of everybody's.
    #[serde(default)]
    pub own: BTreeMap<i16, Own>,
    /// By index in the segments' model; 0 is whoever no segment has.
    pub segments: BTreeMap<i16, Worth>,
}

/// A segment's own model, and what it gained over everybody's on the last quarter of the history.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Own {
    pub purchases: Fit<BgNbd>,
    pub gain: Gain,
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
        let in_use = self.model_in_use().await.map_err(failed)?;
        let (model, segments) = in_use.map(|(stored, model)| (SegmentModelId(stored.id), model)).unzip();
        let mut tx = self.store.begin().await.map_err(failed)?;
        let span = store::lifetime::span(&mut tx, zone.name()).await.map_err(failed)?;
        drop(tx);
        let cut = cut(span.unwrap_or_default());
        let mut at_cut: BTreeMap<Uuid, i16> = BTreeMap::new();
        let mut days: Vec<PurchaseDay> = Vec::new();
        let mut after = None;
        loop {
            let mut tx = self.store.begin().await.map_err(failed)?;
            let page =
                store::lifetime::purchase_days(&mut tx, model, zone.name(), after, PAGE).await.map_err(failed)?;
            if let Some(segments) = &segments {
                at_cut.extend(segments_at(&mut tx, segments, &page.0, cut).await.map_err(failed)?);
            }
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
        let made = tokio::task::spawn_blocking(move || forecast(&days, cut, &at_cut, margin)).await;
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

/// The last day that is known where the last quarter of the history is held out.
fn cut((first, last): (i32, i32)) -> i32 {
    last - (f64::from(last - first) * HELD_OUT).round() as i32
}

/// In which segment customers would have been placed on the evening of a day. What they buy is that of today: of how often they come
/// it says nothing.
async fn segments_at(
    tx: &mut Tx,
    model: &Model,
    days: &[PurchaseDay],
    cut: i32,
) -> Result<Vec<(Uuid, i16)>, StoreError> {
    let customers: Vec<&[PurchaseDay]> = days.chunk_by(|a, b| a.customer == b.customer).collect();
    let ids: Vec<Uuid> = customers.iter().filter_map(|own| own.first()).map(|day| day.customer).collect();
    let mut compositions = store::lifetime::compositions(tx, &ids).await?;
    let placed = customers.into_iter().filter_map(|own| {
        let known: Vec<&PurchaseDay> = own.iter().filter(|day| day.day <= cut).collect();
        let last = known.iter().map(|day| day.day).max()?;
        let visits: u32 = known.iter().map(|day| day.visits.unsigned_abs()).fold(0, u32::saturating_add);
        let spent: f64 = known.iter().map(|day| day.paid as f64).sum();
        let composition = compositions.remove(&own.first()?.customer).unwrap_or_default();
        let facts = Facts {
            recency_days: f64::from(cut - last),
            frequency: visits,
            monetary: spent,
            average_order: spent / f64::from(visits.max(1)),
            composition: composition.into_iter().map(|(category, spend)| (category, spend as f64)).collect(),
        };
        Some((own.first()?.customer, i16::try_from(model.assign(&facts).segment).unwrap_or(0)))
    });
    Ok(placed.collect())
}

fn forecast(days: &[PurchaseDay], cut: i32, at_cut: &BTreeMap<Uuid, i16>, margin: f64) -> Result<Forecast, FitError> {
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
    let judged = judge(&purchases, cut, end, at_cut);
    let index_of = |customer: &Uuid| segment_of.get(customer).copied().unwrap_or(0);
    let mut own: BTreeMap<i16, Own> = BTreeMap::new();
    for (index, gain) in judged.as_ref().map(|judged| judged.pay.clone()).unwrap_or_default() {
        let members = observed.iter().filter(|one| index_of(&one.customer) == index);
        let members: Vec<_> = members.map(|one| one.summary).collect();
        if let Ok(purchases) = BgNbd::fit(&members, Params::default()) {
            own.insert(index, Own { purchases, gain });
        }
    }
    let mut segments: BTreeMap<i16, Worth> = BTreeMap::new();
    for one in &observed {
        let index = index_of(&one.customer);
        let model = own.get(&index).map_or(&often.model, |own| &own.purchases.model);
        let segment = segments.entry(index).or_default();
        segment.customers += 1;
        segment.alive += model.probability_alive(&one.summary);
        segment.purchases += model.conditional_expected_purchases(f64::from(MONTHS) * WEEKS_A_MONTH, &one.summary);
        segment.value += lifetime_value(model, &values, &one.summary, one.mean_value, &horizon);
    }
    for segment in segments.values_mut() {
        let all = segment.customers as f64;
        (segment.alive, segment.purchases) = (segment.alive / all, segment.purchases / all);
        segment.value /= all;
    }
    let accuracy = judged.map(|judged| judged.accuracy);
    Ok(Forecast { purchases: often, values: worth, margin, accuracy, own, segments })
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

/// The forecast from what was known at the cut, held against what came after it.
struct Judgement {
    accuracy: Accuracy,
    /// Segments that pay for a model of their own.
    pay: BTreeMap<i16, Gain>,
}

/// None where too few customers are older than what is held out.
fn judge(purchases: &[Purchase<Uuid>], cut: i32, end: i32, at_cut: &BTreeMap<Uuid, i16>) -> Option<Judgement> {
    let known = summaries(purchases, WEEK, cut).ok()?;
    let mut came: BTreeMap<Uuid, u32> = BTreeMap::new();
    for purchase in purchases.iter().filter(|purchase| purchase.day > cut) {
        *came.entry(purchase.customer).or_default() += 1;
    }
    let judged: Vec<Judged<i16>> = known
        .iter()
        .map(|one| Judged {
            summary: one.summary,
            group: at_cut.get(&one.customer).copied().unwrap_or(0),
            came: f64::from(came.get(&one.customer).copied().unwrap_or(0)),
        })
        .collect();
    let weeks = f64::from(end - cut) / WEEK;
    let Gains { everybody, mut of_groups } = gains(&judged, weeks, Params::default()).ok()?;
    of_groups.retain(|index, own| *index > 0 && own.gain.pays());
    let (mut error, mut error_of_rates) = (0.0, 0.0);
    for one in &judged {
        let Summary { frequency, age, .. } = one.summary;
        let rate = if age > 0.0 { f64::from(frequency) / age } else { 0.0 };
        let model = of_groups.get(&one.group).map_or(&everybody, |own| &own.model);
        error += (model.conditional_expected_purchases(weeks, &one.summary) - one.came).abs();
        error_of_rates += (rate * weeks - one.came).abs();
    }
    let all = judged.len().max(1) as f64;
    let accuracy =
        Accuracy { weeks, customers: judged.len(), error: error / all, error_of_rates: error_of_rates / all };
    Some(Judgement { accuracy, pay: of_groups.into_iter().map(|(index, own)| (index, own.gain)).collect() })
}

fn corrupt(why: &serde_json::Error) -> StoreError {
    StoreError::corrupt("lifetime forecast", why)
}

#[cfg(test)]
mod tests;
