//! Gamma-Gamma: what a purchase of a customer is worth spreads around a mean of their own (shape `p`), and these means
//! spread over the customers (`q`, `gamma`).

use serde::{Deserialize, Serialize};

use super::bfgs::minimise;
use super::special::ln_gamma_and_digamma;
use super::{Fit, FitError, Params, Warning};

/// Fader and Hardie 2013, "The gamma-gamma model of monetary value": what one purchase of a customer is worth. `gamma`
/// (v in other texts) is in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct GammaGamma(Parameters);

/// As they are stored and written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Parameters {
    p: f64,
    q: f64,
    gamma: f64,
}

impl TryFrom<Parameters> for GammaGamma {
    type Error = FitError;

    fn try_from(Parameters { p, q, gamma }: Parameters) -> Result<Self, FitError> {
        Self::new(p, q, gamma)
    }
}

impl From<GammaGamma> for Parameters {
    fn from(model: GammaGamma) -> Self {
        model.0
    }
}

/// From this correlation of frequency and value on, the model's assumption is in doubt.
const CORRELATED: f64 = 0.3;

impl GammaGamma {
    /// # Errors
    /// [`FitError::NoMean`] for q up to one, [`FitError::Params`] for what is not over zero, or absurd.
    pub fn new(p: f64, q: f64, gamma: f64) -> Result<Self, FitError> {
        if !(1e-9..=1e9).contains(&p) || !(1e-9..=1e9).contains(&q) || !(1e-30..=1e30).contains(&gamma) {
            return Err(FitError::Params("p, q and gamma are over zero, and not absurd"));
        }
        if q <= 1.0 {
            return Err(FitError::NoMean { q });
        }
        Ok(Self(Parameters { p, q, gamma }))
    }

    #[must_use]
    pub fn p(&self) -> f64 {
        self.0.p
    }

    #[must_use]
    pub fn q(&self) -> f64 {
        self.0.q
    }

    #[must_use]
    pub fn gamma(&self) -> f64 {
        self.0.gamma
    }

    /// The most likely model, from repeat purchases and their mean value of each customer. Who never came again, and
    /// whose repeats were for free, teach nothing and are left out; `Fit::customers` has those who are left. The fit
    /// carries [`Warning::Correlated`] where who buys often pays more, or less.
    ///
    /// # Errors
    /// [`FitError::Params`]; [`FitError::Impossible`] for a repeat customer's mean value that is negative or not
    /// finite; [`FitError::TooFew`] repeat customers; [`FitError::NoMaximum`]; [`FitError::NoMean`].
    pub fn fit(customers: &[(u32, f64)], params: Params) -> Result<Fit<Self>, FitError> {
        const STARTS: [[f64; 3]; 3] = [[1.0, 2.0, 1.0], [6.0, 4.0, 0.5], [2.0, 8.0, 4.0]];
        let params = params.check()?;
        for (row, (frequency, mean)) in customers.iter().enumerate() {
            if *frequency > 0 && !(0.0..=1e30).contains(mean) {
                return Err(FitError::Impossible {
                    row,
                    why: "a mean value is negative, not finite, or absurdly large",
                });
            }
        }
        let mut known: Vec<(u32, f64)> = customers.iter().copied().filter(|(x, mean)| *x > 0 && *mean > 0.0).collect();
        if known.len() < params.min_customers {
            return Err(FitError::TooFew { found: known.len(), needed: params.min_customers });
        }
        known.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.total_cmp(&b.1)));
        let all = known.len() as f64;
        // In typical values, so that the starts fit whatever the currency is; the geometric mean shrugs off a few huge
        // ones.
        let unit = (known.iter().map(|(_, mean)| mean.ln()).sum::<f64>() / all).exp();
        known.iter_mut().for_each(|(_, mean)| *mean /= unit);
        let grouped = Grouped::of(&known);
        let found = minimise(&STARTS, params.max_iterations, |&[p, q, gamma]| {
            let (value, slopes) = grouped.log_likelihood(&Parameters { p, q, gamma });
            (-value / all, slopes.map(|slope| -slope / all))
        });
        let refuse = |iterations, gradient_norm| FitError::NoMaximum { iterations, gradient_norm };
        let found = found.map_err(|end| refuse(end.iterations, end.gradient_norm))?;
        let [p, q, gamma] = found.logs.map(f64::exp);
        let rho = correlation(&known);
        Ok(Fit {
            model: Self::new(p, q, gamma * unit)?,
            // Each customer has a density over values.
            log_likelihood: -found.value * all - all * unit.ln(),
            customers: known.len(),
            iterations: found.iterations,
            evaluations: found.evaluations,
            gradient_norm: found.gradient_norm,
            warning: (rho.abs() >= CORRELATED).then_some(Warning::Correlated { rho }),
        })
    }

    /// Of these customers together; who never came again, or for nothing, adds nothing.
    #[must_use]
    pub fn log_likelihood(&self, customers: &[(u32, f64)]) -> f64 {
        self.log_likelihood_and_slopes(customers).0
    }

    /// The log-likelihood and its derivatives by p, q and gamma.
    pub(super) fn log_likelihood_and_slopes(&self, customers: &[(u32, f64)]) -> (f64, [f64; 3]) {
        let known = |(x, mean): &(u32, f64)| *x > 0 && *mean > 0.0 && *mean <= 1e30;
        let mut known: Vec<(u32, f64)> = customers.iter().copied().filter(known).collect();
        known.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.total_cmp(&b.1)));
        Grouped::of(&known).log_likelihood(&self.0)
    }

    /// What a purchase is worth over all customers.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let Parameters { p, q, gamma } = self.0;
        p * gamma / (q - 1.0)
    }

    /// What a purchase of a customer is worth: between their own mean over so many repeats and everybody's, the nearer
    /// to their own the more they bought. A mean that is not finite counts as not known, a negative one as zero.
    #[must_use]
    pub fn expected_value(&self, frequency: u32, mean: f64) -> f64 {
        let Parameters { p, q, .. } = self.0;
        if frequency == 0 || !mean.is_finite() {
            return self.mean();
        }
        let bought = p * f64::from(frequency);
        let rest = q - 1.0;
        let own = bought / (bought + rest);
        own * mean.max(0.0) + rest / (bought + rest) * self.mean()
    }
}

/// Pearson's correlation of frequency and mean value over the repeat customers: -1 to 1, 0 where either never changes.
#[must_use]
pub fn correlation(customers: &[(u32, f64)]) -> f64 {
    let known: Vec<(f64, f64)> = customers
        .iter()
        .filter(|(x, mean)| *x > 0 && mean.is_finite())
        .map(|(x, mean)| (f64::from(*x), *mean))
        .collect();
    let all = known.len().max(1) as f64;
    let (x, m) = known.iter().fold((0.0, 0.0), |(x, m), row| (x + row.0 / all, m + row.1 / all));
    let (xx, mm, xm) = known.iter().fold((0.0, 0.0, 0.0), |(xx, mm, xm), row| {
        let (x, m) = (row.0 - x, row.1 - m);
        (xx + x * x, mm + m * m, xm + x * m)
    });
    let rho = xm / (xx.sqrt() * mm.sqrt());
    if rho.is_finite() { rho.clamp(-1.0, 1.0) } else { 0.0 }
}

/// What the likelihood needs of all customers with the same number of repeats, so that it takes its gamma functions
/// once for each such number.
struct Grouped {
    blocks: Vec<Block>,
}

struct Block {
    repeats: f64,
    /// The spend on repeats of each customer.
    totals: Vec<f64>,
    /// The sum of the logarithms of the totals.
    logs: f64,
    /// The sum of the logarithms of the means.
    mean_logs: f64,
}

impl Grouped {
    /// Of customers in order of their repeats.
    fn of(sorted: &[(u32, f64)]) -> Self {
        let block = |same: &[(u32, f64)]| {
            let repeats = f64::from(same[0].0);
            let totals: Vec<f64> = same.iter().map(|(_, mean)| repeats * mean).collect();
            let logs = totals.iter().map(|total| total.ln()).sum();
            Block { repeats, logs, mean_logs: same.iter().map(|(_, mean)| mean.ln()).sum(), totals }
        };
        Self { blocks: sorted.chunk_by(|a, b| a.0 == b.0).map(block).collect() }
    }

    /// The log-likelihood (the paper's equation 1a, of the mean) and its derivatives by p, q and gamma.
    fn log_likelihood(&self, &Parameters { p, q, gamma }: &Parameters) -> (f64, [f64; 3]) {
        let (ln_q, psi_q) = ln_gamma_and_digamma(q);
        let (mut sum, mut slopes) = (0.0, [0.0; 3]);
        for Block { repeats, totals, logs, mean_logs } in &self.blocks {
            let n = totals.len() as f64;
            let shape = p * repeats;
            let (ln_all, psi_all) = ln_gamma_and_digamma(shape + q);
            let (ln_own, psi_own) = ln_gamma_and_digamma(shape);
            // Sums of ln(1 + total / gamma) and of 1 / (gamma + total).
            let (mut spread, mut per) = (0.0, 0.0);
            for total in totals {
                spread += (total / gamma).ln_1p();
                per += 1.0 / (gamma + total);
            }
            let logs = logs - n * gamma.ln();
            sum += n * (ln_all - ln_own - ln_q) + shape * logs - mean_logs - (shape + q) * spread;
            slopes[0] += repeats * (n * (psi_all - psi_own) + logs - spread);
            slopes[1] += n * (psi_all - psi_q) - spread;
            slopes[2] += n * q / gamma - (shape + q) * per;
        }
        (sum, slopes)
    }
}
