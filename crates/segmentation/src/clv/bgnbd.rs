//! BG/NBD: customers buy at a rate of their own, which a gamma distribution (`r`, `alpha`) spreads over them, and leave
//! for good after any purchase with a probability of their own, which a beta distribution (`a`, `b`) spreads.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::bfgs::minimise;
use super::special::{ln_rising_and_slope, mean_over_beta, rise_of_2f1, softplus};
use super::summary::sane;
use super::{Fit, FitError, Params, Summary};

/// Fader, Hardie and Lee 2005, "Counting your customers the easy way", Marketing Science 24(2): the purchases of a
/// customer over time. `alpha` is in the time unit of the summaries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct BgNbd(Parameters);

/// As they are stored and written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Parameters {
    r: f64,
    alpha: f64,
    a: f64,
    b: f64,
}

impl TryFrom<Parameters> for BgNbd {
    type Error = FitError;

    fn try_from(Parameters { r, alpha, a, b }: Parameters) -> Result<Self, FitError> {
        Self::new(r, alpha, a, b)
    }
}

impl From<BgNbd> for Parameters {
    fn from(model: BgNbd) -> Self {
        model.0
    }
}

impl BgNbd {
    /// # Errors
    /// [`FitError::Params`] for r, a or b outside of 1e-9 to 1e9, or alpha outside of 1e-12 to 1e21.
    pub fn new(r: f64, alpha: f64, a: f64, b: f64) -> Result<Self, FitError> {
        if [r, a, b].iter().all(|shape| (1e-9..=1e9).contains(shape)) && (1e-12..=1e21).contains(&alpha) {
            return Ok(Self(Parameters { r, alpha, a, b }));
        }
        Err(FitError::Params("r, alpha, a and b are over zero, and not absurd"))
    }

    #[must_use]
    pub fn r(&self) -> f64 {
        self.0.r
    }

    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.0.alpha
    }

    #[must_use]
    pub fn a(&self) -> f64 {
        self.0.a
    }

    #[must_use]
    pub fn b(&self) -> f64 {
        self.0.b
    }

    /// The most likely model, by BFGS from three starts: (1, 1, 1, 1) in units of the mean age, and two others. Rows
    /// that are equal are looked at once.
    ///
    /// # Errors
    /// [`FitError::Params`]; [`FitError::TooFew`]; [`FitError::Impossible`] for a row with times that are not finite,
    /// negative or out of order; [`FitError::NoRepeats`]; [`FitError::NoMaximum`].
    pub fn fit(customers: &[Summary], params: Params) -> Result<Fit<Self>, FitError> {
        const STARTS: [[f64; 4]; 3] = [[1.0, 1.0, 1.0, 1.0], [0.3, 0.2, 0.8, 2.5], [2.0, 1.0, 0.2, 5.0]];
        let params = params.check()?;
        if customers.len() < params.min_customers {
            return Err(FitError::TooFew { found: customers.len(), needed: params.min_customers });
        }
        for (row, customer) in customers.iter().enumerate() {
            if let Some(why) = customer.fault() {
                return Err(FitError::Impossible { row, why });
            }
        }
        let mut grouped = Grouped::of(customers);
        let all = customers.len() as f64;
        let repeats = grouped.repeats;
        if repeats == 0.0 {
            return Err(FitError::NoRepeats);
        }
        // In mean ages, so that the starts fit whatever the unit of time is.
        let unit = grouped.mean_age;
        grouped.rescale(1.0 / unit);
        let found = minimise(&STARTS, params.max_iterations, |&[r, alpha, a, b]| {
            let (value, slopes) = grouped.log_likelihood(&Parameters { r, alpha, a, b });
            (-value / all, slopes.map(|slope| -slope / all))
        });
        let refuse = |iterations, gradient_norm| FitError::NoMaximum { iterations, gradient_norm };
        let found = found.map_err(|end| refuse(end.iterations, end.gradient_norm))?;
        let [r, alpha, a, b] = found.logs.map(f64::exp);
        let model = Self::new(r, alpha * unit, a, b).map_err(|_| refuse(found.iterations, found.gradient_norm))?;
        Ok(Fit {
            model,
            // Each repeat has a density over time.
            log_likelihood: -found.value * all - repeats * unit.ln(),
            customers: customers.len(),
            iterations: found.iterations,
            evaluations: found.evaluations,
            gradient_norm: found.gradient_norm,
            warning: None,
        })
    }

    /// Of these customers together; rows that cannot be count as the nearest that can.
    #[must_use]
    pub fn log_likelihood(&self, customers: &[Summary]) -> f64 {
        self.log_likelihood_and_slopes(customers).0
    }

    /// The log-likelihood and its derivatives by r, alpha, a and b.
    pub(super) fn log_likelihood_and_slopes(&self, customers: &[Summary]) -> (f64, [f64; 4]) {
        let possible: Vec<Summary> = customers.iter().map(Summary::possible).collect();
        Grouped::of(&possible).log_likelihood(&self.0)
    }

    /// Purchases of a new customer in the time `t` after their first one: E[X(t)], the paper's equation 9.
    #[must_use]
    pub fn expected_purchases(&self, t: f64) -> f64 {
        self.purchases_while_alive(t, &Summary::default())
    }

    /// Purchases of this customer in the time `t` from now: E[Y(t) | x, t_x, T], the paper's equation 10.
    #[must_use]
    pub fn conditional_expected_purchases(&self, t: f64, customer: &Summary) -> f64 {
        self.purchases_while_alive(t, customer) * self.probability_alive(customer)
    }

    /// The probability that this customer has not left for good; 1 for who never came again, as the model lets people
    /// leave after a repeat only.
    #[must_use]
    pub fn probability_alive(&self, customer: &Summary) -> f64 {
        let Summary { frequency, recency, age } = customer.possible();
        if frequency == 0 {
            return 1.0;
        }
        let Parameters { r, alpha, a, b } = self.0;
        let silence = ((age - recency) / (alpha + recency)).ln_1p();
        let odds_of_gone = (a / (b + f64::from(frequency - 1))).ln() + (r + f64::from(frequency)) * silence;
        1.0 / (1.0 + odds_of_gone.exp())
    }

    /// Purchases in the time `t` from now of a customer who is known not to have left: equation 10 without its
    /// denominator. It is `c / (a - 1) (1 - (1 - z)^(a - 1) 2F1(c - r - x, a - 1; c; z))` with c = a + b + x - 1 and z
    /// = t / (alpha + T + t), put so that neither a = 1 nor c = 0 is a pole.
    pub(super) fn purchases_while_alive(&self, t: f64, customer: &Summary) -> f64 {
        let Parameters { r, alpha, a, b } = self.0;
        let Summary { frequency, age, .. } = customer.possible();
        let x = f64::from(frequency);
        let (shape, stays) = (r + x, b + x);
        // How long it is, in units of what the rate was learned from.
        let length = sane(t) / (alpha + age);
        // What they bought if nobody left; more it can never be.
        let most = shape * length;
        if length == 0.0 {
            return 0.0;
        }
        let (z, log) = (length / (1.0 + length), length.ln_1p());
        let c = a - 1.0 + stays;
        let power = (1.0 - a) * log;
        let first = c * log * if power == 0.0 { 1.0 } else { power.exp_m1() / power };
        if let Some(sum) = rise_of_2f1(a - 1.0 + b - r, a - 1.0, c, z) {
            let second = power.exp() * sum.value;
            let expected = first - second;
            let lost = first.abs().max(power.exp() * sum.largest);
            if expected > CANCELLED * lost && lost.is_finite() {
                return expected.min(most);
            }
        }
        // By the definition: the mean, over the probability p to leave, of what somebody with this p buys, which is
        // (1 - (1 + p length)^-shape) / p.
        let share = |p: f64| {
            let rate = (p * length).ln_1p() * shape;
            if rate == 0.0 { 1.0 } else { (-(-rate).exp_m1() / (p * most)).min(1.0) }
        };
        most * mean_over_beta(a, stays, 1.0 / (length + most), share)
    }
}

/// Under this share of what it was made of, a difference has too few digits left.
const CANCELLED: f64 = 1e-5;

/// Customers with the same row counted, and what the rows have in common kept apart: a likelihood takes one logarithm
/// for each distinct time and each distinct repeater, and one gamma function for each distinct number of repeats.
struct Grouped {
    times: Vec<f64>,
    blocks: Vec<Block>,
    rows: Vec<Row>,
    repeats: f64,
    mean_age: f64,
}

/// All rows with the same number of repeats.
struct Block {
    frequency: u32,
    customers: f64,
    rows: Range<usize>,
}

/// Places in the table of times.
struct Row {
    recency: usize,
    age: usize,
    customers: f64,
}

impl Grouped {
    fn of(customers: &[Summary]) -> Self {
        let mut sorted = customers.to_vec();
        sorted.sort_unstable_by(Summary::order);
        let mut times: Vec<f64> = sorted.iter().flat_map(|customer| [customer.recency, customer.age]).collect();
        times.sort_unstable_by(f64::total_cmp);
        times.dedup();
        let place = |time: f64| times.partition_point(|known| *known < time);
        let mut rows = Vec::new();
        let mut blocks = Vec::new();
        for block in sorted.chunk_by(|a, b| a.frequency == b.frequency) {
            let from = rows.len();
            for same in block.chunk_by(|a, b| a.order(b).is_eq()) {
                let one = &same[0];
                rows.push(Row { recency: place(one.recency), age: place(one.age), customers: same.len() as f64 });
            }
            let frequency = block[0].frequency;
            blocks.push(Block { frequency, customers: block.len() as f64, rows: from..rows.len() });
        }
        let repeats = blocks.iter().map(|block| f64::from(block.frequency) * block.customers).sum();
        let ages: f64 = rows.iter().map(|row| times[row.age] * row.customers).sum();
        let mean_age = ages / customers.len().max(1) as f64;
        Self { times, blocks, rows, repeats, mean_age }
    }

    fn rescale(&mut self, by: f64) {
        self.times.iter_mut().for_each(|time| *time *= by);
    }

    /// The log-likelihood (the paper's equation 6) and its derivatives by r, alpha, a and b.
    ///
    /// With the logarithms of `1 + T / alpha` instead of `alpha + T` no large numbers cancel where r and alpha run off
    /// together.
    fn log_likelihood(&self, &Parameters { r, alpha, a, b }: &Parameters) -> (f64, [f64; 4]) {
        let logs: Vec<(f64, f64)> = self.times.iter().map(|t| ((t / alpha).ln_1p(), 1.0 / (alpha + t))).collect();
        let (mut sum, mut slopes) = (0.0, [0.0; 4]);
        for block in &self.blocks {
            let x = f64::from(block.frequency);
            let rows = &self.rows[block.rows.clone()];
            let (bought, by_r) = ln_rising_and_slope(r, block.frequency);
            let (stayed, by_b) = ln_rising_and_slope(b, block.frequency);
            let (tried, by_tries) = ln_rising_and_slope(a + b, block.frequency);
            // Sums over the customers: of log(1 + T / alpha), of 1 / (alpha + T), of the probability to be gone, and of
            // how these two are different for who is.
            let (mut log_age, mut per_age, mut gone, mut gone_log, mut gone_per) = (0.0, 0.0, 0.0, 0.0, 0.0);
            let mut both = 0.0;
            if block.frequency == 0 {
                for row in rows {
                    let (log, per) = logs[row.age];
                    log_age += row.customers * log;
                    per_age += row.customers * per;
                }
            } else {
                let at_once = (a / (b + f64::from(block.frequency - 1))).ln();
                for row in rows {
                    let ((log, per), (log_then, per_then)) = (logs[row.age], logs[row.recency]);
                    log_age += row.customers * log;
                    per_age += row.customers * per;
                    // Still there, or gone right after the last purchase: the odds of the latter.
                    let odds = at_once + (r + x) * (log - log_then);
                    let small = (-odds.abs()).exp();
                    let share = row.customers * if odds > 0.0 { 1.0 } else { small } / (1.0 + small);
                    both += row.customers * softplus(odds);
                    gone += share;
                    gone_log += share * (log - log_then);
                    gone_per += share * (per - per_then);
                }
                slopes[3] -= gone / (b + f64::from(block.frequency - 1));
            }
            let n = block.customers;
            sum += n * (bought + stayed - tried - x * alpha.ln()) - (r + x) * log_age + both;
            slopes[0] += n * by_r - log_age + gone_log;
            slopes[1] += n * r / alpha - (r + x) * (per_age - gone_per);
            slopes[2] += gone / a - n * by_tries;
            slopes[3] += n * (by_b - by_tries);
        }
        (sum, slopes)
    }
}
