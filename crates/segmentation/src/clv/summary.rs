//! What the models look at, and how purchases become it.

use serde::{Deserialize, Serialize};

use super::FitError;

/// What BG/NBD needs to know of a customer; the times are in one unit of the caller's choice, the same for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Purchases after the first one (x).
    pub frequency: u32,
    /// From the first purchase to the last one (t_x); zero for who came once.
    pub recency: f64,
    /// From the first purchase to the end of the observation (T).
    pub age: f64,
}

/// Longer times than this count as this.
const LONGEST: f64 = 1e12;

pub(super) fn sane(time: f64) -> f64 {
    if time.is_nan() { 0.0 } else { time.clamp(0.0, LONGEST) }
}

impl Summary {
    /// Why a row cannot be, if it cannot.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let Self { frequency, recency, age } = *self;
        if !recency.is_finite() || !age.is_finite() {
            Some("a time is not finite")
        } else if recency < 0.0 || age > LONGEST {
            Some("a time is negative, or absurdly long")
        } else if recency > age {
            Some("the last purchase is after the end")
        } else if frequency == 0 && recency != 0.0 {
            Some("there is a last purchase without a repeat")
        } else if frequency > 0 && recency == 0.0 {
            Some("there are repeats, all in the moment of the first purchase")
        } else {
            None
        }
    }

    /// The nearest row that can be, for forecasts: these answer whatever they are asked.
    pub(super) fn possible(&self) -> Self {
        let age = sane(self.age);
        let recency = if self.frequency == 0 { 0.0 } else { sane(self.recency).min(age) };
        Self { frequency: self.frequency, recency, age }
    }
}

/// One purchase: who, on which day (counted from any day), for how much (in any unit).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Purchase<K> {
    pub customer: K,
    pub day: i32,
    pub value: f64,
}

/// A customer as the models see them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed<K> {
    pub customer: K,
    pub summary: Summary,
    /// The mean value of a day with purchases, the first one left out; zero for who came once.
    pub mean_value: f64,
}

/// Summaries of all customers who bought up to the day `end`, in order of the customer. Several purchases of a day are
/// one, with the values added up; what comes after `end` is not looked at. Times are in units of `unit` days: 7 gives
/// weeks. As `summary_data_from_transaction_data` of the Python package lifetimes with days as its periods.
///
/// # Errors
/// [`FitError::Params`] for a unit that is not over zero, [`FitError::Impossible`] for a value that is not finite.
pub fn summaries<K: Ord + Clone>(purchases: &[Purchase<K>], unit: f64, end: i32) -> Result<Vec<Observed<K>>, FitError> {
    if !unit.is_finite() || unit <= 0.0 {
        return Err(FitError::Params("a unit of time is longer than nothing"));
    }
    if let Some(row) = purchases.iter().position(|purchase| !purchase.value.is_finite()) {
        return Err(FitError::Impossible { row, why: "a value is not finite" });
    }
    let mut sorted: Vec<&Purchase<K>> = purchases.iter().filter(|purchase| purchase.day <= end).collect();
    // By value too: the sum of a day must not depend on the order that its purchases came in.
    sorted.sort_unstable_by(|a, b| {
        a.customer.cmp(&b.customer).then(a.day.cmp(&b.day)).then_with(|| a.value.total_cmp(&b.value))
    });
    let units = |from: i32, to: i32| (f64::from(to) - f64::from(from)) / unit;
    let observed = sorted.chunk_by(|a, b| a.customer == b.customer).filter_map(|own| {
        let (first, last) = (own.first()?, own.last()?);
        let mut days = own.chunk_by(|a, b| a.day == b.day).skip(1);
        let (frequency, spent) = days.try_fold((0_u32, 0.0), |(days, spent), day| {
            Some((days.checked_add(1)?, spent + day.iter().map(|purchase| purchase.value).sum::<f64>()))
        })?;
        let mean_value = if frequency == 0 { 0.0 } else { spent / f64::from(frequency) };
        let summary = Summary { frequency, recency: units(first.day, last.day), age: units(first.day, end) };
        Some(Observed { customer: first.customer.clone(), summary, mean_value })
    });
    Ok(observed.collect())
}
