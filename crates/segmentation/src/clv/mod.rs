//! What a customer is worth from now on, by maximum likelihood: how often they will come ([`BgNbd`]: Fader, Hardie and
//! Lee 2005), what one purchase of theirs is worth ([`GammaGamma`]: Fader and Hardie 2013), and both together over a
//! horizon ([`lifetime_value`]).
//!
//! `purchases -> summaries -> fit -> forecast`. Everything here is deterministic, does not depend on the order of the
//! customers, and gives finite results that are not negative for whatever it is asked.

mod bfgs;
mod bgnbd;
mod gamma_gamma;
mod groups;
mod special;
mod summary;

pub use bgnbd::BgNbd;
pub use gamma_gamma::{GammaGamma, correlation};
pub use groups::{Gain, Gains, Judged, gains};
use serde::{Deserialize, Serialize};
pub use summary::{Observed, Purchase, Summary, summaries};

/// How a fit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Fewer customers than this are refused: four parameters from a hundred people are mostly noise.
    pub min_customers: usize,
    /// For each of the three starts.
    pub max_iterations: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { min_customers: 200, max_iterations: 200 }
    }
}

impl Params {
    fn check(self) -> Result<Self, FitError> {
        if self.min_customers == 0 || self.max_iterations == 0 {
            return Err(FitError::Params("customers and iterations begin at one"));
        }
        Ok(self)
    }
}

/// A fitted model, and how the fit went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit<M> {
    pub model: M,
    /// Of all customers together, at the maximum, in the units of the rows.
    pub log_likelihood: f64,
    /// Those that the likelihood is made of.
    pub customers: usize,
    /// Of all starts together.
    pub iterations: u32,
    /// Of the likelihood and its gradient, of all starts together.
    pub evaluations: u32,
    /// Euclidean, of the mean log-likelihood of a customer over the logarithms of the parameters.
    pub gradient_norm: f64,
    /// Why to take the model with care.
    pub warning: Option<Warning>,
}

/// What does not stop a fit, but somebody should know.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Warning {
    /// Gamma-Gamma takes it that who buys often pays neither more nor less, and here frequency and value go together: their
    /// correlation is 0.3 or more, either way.
    Correlated { rho: f64 },
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    #[error("these parameters make no sense: {0}")]
    Params(&'static str),
    #[error("a fit needs at least {needed} customers, and there are {found}")]
    TooFew { found: usize, needed: usize },
    #[error("row {row} cannot be: {why}")]
    Impossible { row: usize, why: &'static str },
    #[error("nobody came a second time: there is nothing to learn from")]
    NoRepeats,
    #[error("no maximum of the likelihood was found in {iterations} iterations; the gradient is {gradient_norm}")]
    NoMaximum { iterations: u32, gradient_norm: f64 },
    #[error("the values have no mean: q is {q} and must be over one")]
    NoMean { q: f64 },
}

/// Over what a lifetime value is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Horizon {
    /// How many periods; beyond [`MOST_PERIODS`] nothing is added.
    pub periods: u32,
    /// The length of one, in the time unit of the summaries: 4.345 for a month where these are in weeks.
    pub period_in_units: f64,
    /// By how much a period's money is worth less than that of the period before: 0.01. Under zero counts as zero.
    pub discount_rate: f64,
    /// The share of a purchase's value that is earned: 0.3; 1 for revenue. Under zero counts as zero.
    pub margin_rate: f64,
}

/// A century of months.
pub const MOST_PERIODS: u32 = 1_200;

/// Today's value of what a customer will bring: the sum over the periods i = 1, 2, ... of the purchases that are
/// expected in the period, times what one is worth, times the margin, over `(1 + discount)^i`. In the unit of
/// `mean_value`, which is the mean value of the customer's repeat purchases. As `customer_lifetime_value` of the Python
/// package lifetimes.
#[must_use]
pub fn lifetime_value(
    purchases: &BgNbd,
    values: &GammaGamma,
    customer: &Summary,
    mean_value: f64,
    horizon: &Horizon,
) -> f64 {
    let customer = customer.possible();
    let alive = purchases.probability_alive(&customer);
    let discount = at_least_zero(horizon.discount_rate).ln_1p();
    let length = at_least_zero(horizon.period_in_units);
    let (mut before, mut sum) = (0.0, 0.0);
    for period in 1..=horizon.periods.min(MOST_PERIODS) {
        let period = f64::from(period);
        let until = purchases.purchases_while_alive(period * length, &customer);
        sum += (until - before).max(0.0) * (-discount * period).exp();
        before = until;
    }
    let one = values.expected_value(customer.frequency, mean_value) * at_least_zero(horizon.margin_rate);
    (alive * sum * one.min(f64::MAX)).min(f64::MAX)
}

fn at_least_zero(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(0.0, f64::MAX) }
}

#[cfg(test)]
mod tests;
