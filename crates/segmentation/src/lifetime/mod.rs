//! Lifetime value: how many purchases are to come ([`BgNbd`]), what one of them is worth ([`GammaGamma`]), and what both come to
//! ([`lifetime_value`]). Maximum likelihood with analytic gradients; deterministic, on one thread.

mod bg_nbd;
mod gamma_gamma;
mod maximum;
mod special;

pub use bg_nbd::BgNbd;
pub use gamma_gamma::GammaGamma;
pub use maximum::Fit;

/// Fewer customers than this say too little.
pub const FEWEST: usize = 200;

/// What is known of one customer's purchases. Times are in any one unit, and are counted from the first purchase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    /// Purchases after the first one.
    pub repeats: u32,
    /// When the last purchase was; zero without a repeat.
    pub last: f64,
    /// Now.
    pub age: f64,
}

impl History {
    /// Whether this may be: finite, in order, and nothing repeated at time zero.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.age.is_finite()
            && self.age >= 0.0
            && (0.0..=self.age).contains(&self.last)
            && (self.repeats > 0 || self.last == 0.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifetimeError {
    #[error("there are {found} customers, fewer than the {needed} that a fit needs")]
    TooFew { found: usize, needed: usize },
    #[error("customer {0}: the numbers are not finite, or not in order")]
    Impossible(usize),
    #[error("no maximum was found: these purchases do not look like the model's")]
    NoMaximum,
}

/// How lifetime value is summed up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Horizon {
    pub periods: u32,
    /// Of a period, in the histories' unit.
    pub length: f64,
    /// What money is worth less after one period: 0.01 for 1 %.
    pub discount: f64,
    /// Of what is paid, what is left after cost: 0.35 for 35 %.
    pub margin: f64,
}

/// What a customer is worth over the horizon: of each period the purchases expected in it, times what one is worth, times
/// the margin, at today's value. In the unit of the values.
#[must_use]
pub fn lifetime_value(purchases: &BgNbd, values: &GammaGamma, customer: &History, mean: f64, horizon: &Horizon) -> f64 {
    let worth = values.expected_value(customer.repeats, mean) * horizon.margin;
    let mut before = 0.0;
    let mut sum = 0.0;
    for period in 1..=horizon.periods {
        let so_far = purchases.expected_for(customer, f64::from(period) * horizon.length);
        sum += (so_far - before).max(0.0) * worth / (1.0 + horizon.discount).powi(period.min(100_000) as i32);
        before = so_far;
    }
    sum
}

#[cfg(test)]
mod tests;
