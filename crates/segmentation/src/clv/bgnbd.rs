//! BG/NBD: customers buy at a rate of their own, which a gamma distribution (`r`, `alpha`) spreads over them, and leave
//! for good after any purchase with a probability of their own, which a beta distribution (`a`, `b`) spreads.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::bfgs::minimise;
use super::special::{ln_rising_and_slope, mean_over_beta, rise_of_2f1};
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
/// for each distinct time, one gamma function for each distinct number of repeats, and hardly more than a division for
/// each distinct repeater.
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
    recency: u32,
    age: u32,
    customers: f64,
}

/// What a likelihood needs of one distinct time t: ln(1 + t / alpha) and 1 / (alpha + t).
#[derive(Clone, Copy)]
struct Time {
    log: f64,
    per: f64,
}

/// Sums over the repeaters of one block, each counted as often as there are such customers.
#[derive(Default)]
struct Repeaters {
    /// Of ln(1 + T / alpha) and of 1 / (alpha + T).
    log_age: f64,
    per_age: f64,
    /// Of ln(1 + the odds to be gone).
    both: f64,
    /// Of the probability to be gone, and of how the two above are different for who is.
    gone: f64,
    gone_log: f64,
    gone_per: f64,
}

impl Repeaters {
    /// `at_once` is the logarithm of the odds to have gone right after the last purchase, `shape` is r + x.
    fn of(rows: &[Row], times: &[Time], powers: &mut Vec<f64>, at_once: f64, shape: f64) -> Self {
        // Rows whose 1 + odds, up to two each, are multiplied before one logarithm is taken of them.
        const TOGETHER: usize = 64;
        // Far from where e^x overflows.
        const LARGEST: f64 = 300.0;
        let longest = times.last().map_or(0.0, |time| time.log);
        // The odds are a quotient of powers of the times. Where there are fewer times than rows, they are taken once.
        let tabled = rows.len() > times.len() && shape * longest < LARGEST && at_once.abs() < LARGEST;
        powers.clear();
        if tabled {
            powers.extend(times.iter().map(|time| (shape * time.log).exp()));
        }
        let factor = if tabled { at_once.exp() } else { 1.0 };
        let mut sums = Self::default();
        for rows in rows.chunks(TOGETHER) {
            let mut product = 1.0;
            for row in rows {
                let (age, recency) = (row.age as usize, row.recency as usize);
                let (now, then) = (times[age], times[recency]);
                sums.log_age += row.customers * now.log;
                sums.per_age += row.customers * now.per;
                let odds = at_once + shape * (now.log - then.log);
                // The smaller one of the odds and their inverse, so that nothing overflows.
                let small = if !tabled {
                    (-odds.abs()).exp()
                } else if odds > 0.0 {
                    powers[recency] / (factor * powers[age])
                } else {
                    factor * powers[age] / powers[recency]
                };
                let share = row.customers * if odds > 0.0 { 1.0 } else { small } / (1.0 + small);
                if row.customers == 1.0 {
                    product *= 1.0 + small;
                } else {
                    sums.both += row.customers * small.ln_1p();
                }
                sums.both += row.customers * odds.max(0.0);
                sums.gone += share;
                sums.gone_log += share * (now.log - then.log);
                sums.gone_per += share * (now.per - then.per);
            }
            sums.both += product.ln();
        }
        sums
    }
}

impl Grouped {
    fn of(customers: &[Summary]) -> Self {
        // Times are not negative, and such floats are in the order of their bits; -0.0 becomes 0.0.
        let bits = |time: f64| (time + 0.0).to_bits();
        let mut sorted: Vec<(u32, u64, u64)> =
            customers.iter().map(|one| (one.frequency, bits(one.recency), bits(one.age))).collect();
        sorted.sort_unstable();
        let alike: Vec<(u32, u64, u64, usize)> =
            sorted.chunk_by(|a, b| a == b).map(|same| (same[0].0, same[0].1, same[0].2, same.len())).collect();
        let mut times: Vec<u64> = alike.iter().flat_map(|&(_, recency, age, _)| [recency, age]).collect();
        times.sort_unstable();
        times.dedup();
        let place = |time: u64| times.partition_point(|known| *known < time) as u32;
        let rows: Vec<Row> = alike
            .iter()
            .map(|&(_, recency, age, all)| Row { recency: place(recency), age: place(age), customers: all as f64 })
            .collect();
        let mut blocks: Vec<Block> = Vec::new();
        for block in alike.chunk_by(|a, b| a.0 == b.0) {
            let from = blocks.last().map_or(0, |block| block.rows.end);
            let rows = from..from + block.len();
            let customers = block.iter().map(|row| row.3 as f64).sum();
            blocks.push(Block { frequency: block[0].0, customers, rows });
        }
        let times: Vec<f64> = times.into_iter().map(f64::from_bits).collect();
        let repeats = blocks.iter().map(|block| f64::from(block.frequency) * block.customers).sum();
        let ages: f64 = rows.iter().map(|row: &Row| times[row.age as usize] * row.customers).sum();
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
        let times: Vec<Time> =
            self.times.iter().map(|t| Time { log: (t / alpha).ln_1p(), per: 1.0 / (alpha + t) }).collect();
        let mut powers = Vec::new();
        let (mut sum, mut slopes) = (0.0, [0.0; 4]);
        for block in &self.blocks {
            let x = f64::from(block.frequency);
            let rows = &self.rows[block.rows.clone()];
            let (bought, by_r) = ln_rising_and_slope(r, block.frequency);
            let (stayed, by_b) = ln_rising_and_slope(b, block.frequency);
            let (tried, by_tries) = ln_rising_and_slope(a + b, block.frequency);
            let sums = if block.frequency == 0 {
                rows.iter().fold(Repeaters::default(), |mut sums, row| {
                    let time = times[row.age as usize];
                    sums.log_age += row.customers * time.log;
                    sums.per_age += row.customers * time.per;
                    sums
                })
            } else {
                let at_once = (a / (b + f64::from(block.frequency - 1))).ln();
                let sums = Repeaters::of(rows, &times, &mut powers, at_once, r + x);
                slopes[3] -= sums.gone / (b + f64::from(block.frequency - 1));
                sums
            };
            let Repeaters { log_age, per_age, both, gone, gone_log, gone_per } = sums;
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
