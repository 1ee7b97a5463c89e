//! BG/NBD (Fader, Hardie and Lee 2005, "Counting your customers the easy way"): customers buy at a rate of their own, spread as a
//! gamma distribution (`r`, `alpha`), and after any purchase may leave for good with a probability of their own, spread as a beta
//! distribution (`a`, `b`).

use serde::{Deserialize, Serialize};

use super::maximum::{Fit, maximum};
use super::special::{digamma, ln_gamma, tamed_2f1};
use super::{FEWEST, History, LifetimeError};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BgNbd {
    pub r: f64,
    pub alpha: f64,
    pub a: f64,
    pub b: f64,
}

/// Customers whose history is the same, counted; in order of repeats.
struct Alike {
    history: History,
    count: f64,
}

impl BgNbd {
    /// # Errors
    /// [`LifetimeError::TooFew`] under [`FEWEST`] customers, [`LifetimeError::Impossible`] for a history that cannot be,
    /// [`LifetimeError::NoMaximum`].
    pub fn fit(customers: &[History]) -> Result<Fit<Self>, LifetimeError> {
        if customers.len() < FEWEST {
            return Err(LifetimeError::TooFew { found: customers.len(), needed: FEWEST });
        }
        if let Some(at) = customers.iter().position(|customer| !customer.is_possible()) {
            return Err(LifetimeError::Impossible(at));
        }
        let alike = alike(customers);
        let all = customers.len() as f64;
        let starts = [[1.0, 1.0, 1.0, 1.0], [0.3, 5.0, 0.8, 2.5], [2.0, 20.0, 0.2, 5.0]];
        let top = maximum(&starts, |&[r, alpha, a, b]| {
            let (value, gradient) = Self { r, alpha, a, b }.slope(&alike);
            (value / all, gradient.map(|slope| slope / all))
        })?;
        let [r, alpha, a, b] = top.at;
        let model = Self { r, alpha, a, b };
        let log_likelihood = top.value * all;
        Ok(Fit { model, log_likelihood, customers: customers.len(), iterations: top.iterations })
    }

    /// The log-likelihood of these histories.
    #[must_use]
    pub fn log_likelihood(&self, customers: &[History]) -> f64 {
        self.slope(&alike(customers)).0
    }

    /// The log-likelihood, and its derivatives by r, alpha, a and b.
    fn slope(&self, alike: &[Alike]) -> (f64, [f64; 4]) {
        let Self { r, alpha, a, b } = *self;
        let (of_r, of_b, of_ab) = (ln_gamma(r), ln_gamma(b), ln_gamma(a + b));
        let (by_r, by_b, by_ab) = (digamma(r), digamma(b), digamma(a + b));
        let (mut sum, mut slopes) = (0.0, [0.0; 4]);
        // What depends on the number of repeats alone is worked out once for each.
        let mut of_repeats = (u32::MAX, [0.0; 6]);
        for Alike { history, count } in alike {
            let x = f64::from(history.repeats);
            if of_repeats.0 != history.repeats {
                let known = [
                    ln_gamma(r + x) - of_r + r * alpha.ln(),
                    of_ab + ln_gamma(b + x) - of_b - ln_gamma(a + b + x),
                    digamma(r + x) - by_r + alpha.ln(),
                    by_ab - digamma(a + b + x),
                    digamma(b + x) - by_b,
                    a.ln() - (b + x - 1.0).max(f64::MIN_POSITIVE).ln(),
                ];
                of_repeats = (history.repeats, known);
            }
            let [bought, stayed, rate, left, back, gone] = of_repeats.1;
            // Still there, or gone right after the last purchase.
            let (here, then) = ((alpha + history.age).ln(), (alpha + history.last).ln());
            let alive = -(r + x) * here;
            let (together, is_gone) = if history.repeats == 0 {
                (alive, 0.0)
            } else {
                let away = gone - (r + x) * then;
                let most = alive.max(away);
                let both = most + ((alive - most).exp() + (away - most).exp()).ln();
                (both, (away - both).exp())
            };
            let is_here = 1.0 - is_gone;
            sum += count * (bought + stayed + together);
            slopes[0] += count * (rate - is_here * here - is_gone * then);
            slopes[1] +=
                count * (r / alpha - (r + x) * (is_here / (alpha + history.age) + is_gone / (alpha + history.last)));
            slopes[2] += count * (left + is_gone / a);
            slopes[3] += count * (left + back - if history.repeats == 0 { 0.0 } else { is_gone / (b + x - 1.0) });
        }
        (sum, slopes)
    }

    /// Purchases that somebody new makes in so much time after their first one; the paper's equation 9.
    #[must_use]
    pub fn expected(&self, time: f64) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let time = if time.is_finite() { time.max(0.0) } else { return f64::NAN };
        let rest = tamed_2f1(r, b, a + b - 1.0, time / (alpha + time));
        self.over_a(a + b - 1.0, rest)
    }

    /// Purchases that this customer makes in so much time from now; the paper's equation 10. Zero for a history that cannot
    /// be.
    #[must_use]
    pub fn expected_for(&self, customer: &History, time: f64) -> f64 {
        let Self { r, alpha, a, b } = *self;
        if !customer.is_possible() || !time.is_finite() || time <= 0.0 {
            return 0.0;
        }
        let x = f64::from(customer.repeats);
        let rest = tamed_2f1(r + x, b + x, a + b + x - 1.0, time / (alpha + customer.age + time));
        self.over_a(a + b + x - 1.0, rest) * self.alive(customer)
    }

    /// `c / (a - 1) * (1 - rest)`, and its limit where a is one.
    fn over_a(&self, c: f64, rest: f64) -> f64 {
        let below = if (self.a - 1.0).abs() < 1e-9 { 1e-9 } else { self.a - 1.0 };
        let expected = c / below * (1.0 - rest);
        if expected.is_finite() { expected.max(0.0) } else { 0.0 }
    }

    /// The probability that this customer has not left for good; 1 who never came again. Zero for a history that cannot be.
    #[must_use]
    pub fn alive(&self, customer: &History) -> f64 {
        if !customer.is_possible() {
            return 0.0;
        }
        if customer.repeats == 0 {
            return 1.0;
        }
        let Self { r, alpha, a, b } = *self;
        let x = f64::from(customer.repeats);
        let odds = a.ln() - (b + x - 1.0).ln() + (r + x) * ((alpha + customer.age).ln() - (alpha + customer.last).ln());
        1.0 / (1.0 + odds.exp())
    }
}

fn alike(customers: &[History]) -> Vec<Alike> {
    let mut sorted = customers.to_vec();
    let order = |a: &History, b: &History| {
        a.repeats.cmp(&b.repeats).then(a.last.total_cmp(&b.last)).then(a.age.total_cmp(&b.age))
    };
    sorted.sort_unstable_by(order);
    let mut alike: Vec<Alike> = Vec::new();
    for history in sorted {
        match alike.last_mut() {
            Some(last) if order(&last.history, &history).is_eq() => last.count += 1.0,
            _ => alike.push(Alike { history, count: 1.0 }),
        }
    }
    alike
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// For the comparison with differences.
    pub(in super::super) fn slopes(model: &BgNbd, customers: &[History]) -> [f64; 4] {
        model.slope(&alike(customers)).1
    }
}
