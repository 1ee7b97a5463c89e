//! Gamma-Gamma (Fader and Hardie 2013, "The gamma-gamma model of monetary value"): what a customer pays spreads around a mean of
//! their own (shape `p`), and the means are spread over the customers (`q`, `gamma`). Repeat customers only; it assumes that who
//! buys often does not pay more or less for it.

use serde::{Deserialize, Serialize};

use super::maximum::{Fit, maximum};
use super::special::{digamma, ln_gamma};
use super::{FEWEST, LifetimeError};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GammaGamma {
    pub p: f64,
    pub q: f64,
    pub gamma: f64,
}

impl GammaGamma {
    /// Of repeats and the mean value of one, for each customer; those without a repeat or a value teach nothing.
    ///
    /// # Errors
    /// [`LifetimeError::TooFew`] under [`FEWEST`] repeat customers, [`LifetimeError::Impossible`] for a value that is not
    /// finite, [`LifetimeError::NoMaximum`] also where no mean exists (q up to one).
    pub fn fit(customers: &[(u32, f64)]) -> Result<Fit<Self>, LifetimeError> {
        if let Some(at) = customers.iter().position(|(_, mean)| !mean.is_finite()) {
            return Err(LifetimeError::Impossible(at));
        }
        let repeaters: Vec<(f64, f64)> = customers
            .iter()
            .filter(|(x, mean)| *x > 0 && *mean > 0.0)
            .map(|(x, mean)| (f64::from(*x), *mean))
            .collect();
        if repeaters.len() < FEWEST {
            return Err(LifetimeError::TooFew { found: repeaters.len(), needed: FEWEST });
        }
        let all = repeaters.len() as f64;
        let typical = repeaters.iter().map(|(_, mean)| mean).sum::<f64>() / all;
        let starts = [[1.0, 2.0, typical], [6.0, 4.0, typical / 2.0], [2.0, 8.0, 4.0 * typical]];
        let top = maximum(&starts, |&[p, q, gamma]| {
            let (value, gradient) = Self { p, q, gamma }.slope(&repeaters);
            (value / all, gradient.map(|slope| slope / all))
        })?;
        let [p, q, gamma] = top.at;
        if q <= 1.0 {
            return Err(LifetimeError::NoMaximum);
        }
        let log_likelihood = top.value * all;
        Ok(Fit { model: Self { p, q, gamma }, log_likelihood, customers: repeaters.len(), iterations: top.iterations })
    }

    fn slope(&self, repeaters: &[(f64, f64)]) -> (f64, [f64; 3]) {
        let Self { p, q, gamma } = *self;
        let (of_q, by_q) = (ln_gamma(q), digamma(q));
        let (mut sum, mut slopes) = (0.0, [0.0; 3]);
        for &(x, mean) in repeaters {
            let whole = (x * mean + gamma).ln();
            let by_whole = digamma(p * x + q);
            sum += ln_gamma(p * x + q) - ln_gamma(p * x) - of_q
                + q * gamma.ln()
                + (p * x - 1.0) * mean.ln()
                + p * x * x.ln()
                - (p * x + q) * whole;
            slopes[0] += x * (by_whole - digamma(p * x) + mean.ln() + x.ln() - whole);
            slopes[1] += by_whole - by_q + gamma.ln() - whole;
            slopes[2] += q / gamma - (p * x + q) / (x * mean + gamma);
        }
        (sum, slopes)
    }

    /// What one more purchase of a customer is worth: between their own mean and everybody's, the nearer to their own the
    /// more they bought.
    #[must_use]
    pub fn expected_value(&self, repeats: u32, mean: f64) -> f64 {
        let Self { p, q, gamma } = *self;
        let x = f64::from(repeats);
        let mean = if mean.is_finite() { mean.max(0.0) } else { 0.0 };
        p * (gamma + x * mean) / (p * x + q - 1.0)
    }
}
