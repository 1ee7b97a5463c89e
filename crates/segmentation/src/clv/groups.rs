//! Whether groups of customers pay for a model of their own.
//!
//! A group's own parameters fit it better than everybody's, always: they are more numbers. Whether they foretell better is another
//! matter, and is asked of time: both are fitted on what was known at a moment, with the groups of that moment, and held against the
//! purchases since. A group pays where the deviance of its customers' purchases is less under its own model by more than chance: the
//! mean difference a customer over [`SURE`] of its standard errors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BgNbd, FitError, Params, Summary};

/// Standard errors.
const SURE: f64 = 2.0;

/// A customer at a moment, and what came after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged<G> {
    pub summary: Summary,
    pub group: G,
    /// Purchases since.
    pub came: f64,
}

/// What a group gains by a model of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    pub customers: usize,
    /// Less deviance a customer.
    pub mean: f64,
    pub standard_error: f64,
}

impl Gain {
    #[must_use]
    pub fn pays(&self) -> bool {
        self.mean > SURE * self.standard_error && self.mean > 0.0
    }
}

/// Models of the moment: everybody's, and those of groups by themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Gains<G> {
    pub everybody: BgNbd,
    pub of_groups: BTreeMap<G, Own>,
}

/// A group's own model of the moment, and what it gains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Own {
    pub model: BgNbd,
    pub gain: Gain,
}

/// Everybody's model, and what each group with customers enough would gain by its own, over `time` since the moment; groups whose
/// purchases have no likeliest model are left out.
///
/// # Errors
/// As [`BgNbd::fit`] of everybody.
pub fn gains<G: Ord + Copy>(customers: &[Judged<G>], time: f64, params: Params) -> Result<Gains<G>, FitError> {
    let summaries: Vec<Summary> = customers.iter().map(|one| one.summary).collect();
    let everybody = BgNbd::fit(&summaries, params)?.model;
    let mut groups: BTreeMap<G, Vec<&Judged<G>>> = BTreeMap::new();
    for one in customers {
        groups.entry(one.group).or_default().push(one);
    }
    let mut of_groups = BTreeMap::new();
    for (group, members) in groups {
        let summaries: Vec<Summary> = members.iter().map(|one| one.summary).collect();
        let Ok(own) = BgNbd::fit(&summaries, params) else { continue };
        let differences: Vec<f64> = members
            .iter()
            .map(|one| {
                let under =
                    |model: &BgNbd| deviance(one.came, model.conditional_expected_purchases(time, &one.summary));
                under(&everybody) - under(&own.model)
            })
            .collect();
        let count = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / count;
        let variance = differences.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let gain = Gain { customers: members.len(), mean, standard_error: (variance / count).sqrt() };
        of_groups.insert(group, Own { model: own.model, gain });
    }
    Ok(Gains { everybody, of_groups })
}

/// Of a Poisson count: least, on average, for whoever foretells the mean (Gneiting 2011, "Making and evaluating point forecasts").
fn deviance(came: f64, foretold: f64) -> f64 {
    let foretold = foretold.max(1e-9);
    let surprise = if came > 0.0 { came * (came / foretold).ln() } else { 0.0 };
    2.0 * (surprise - (came - foretold))
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256Plus;
    use rand_xoshiro::rand_core::{RngCore, SeedableRng};

    use super::*;

    struct Chance(Xoshiro256Plus);

    impl Chance {
        fn uniform(&mut self) -> f64 {
            ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        }

        /// Sums of exponentials: shapes are whole numbers here.
        fn gamma(&mut self, shape: u32, rate: f64) -> f64 {
            (0..shape).map(|_| -self.uniform().ln()).sum::<f64>() / rate
        }

        fn beta(&mut self, a: u32, b: u32) -> f64 {
            let (x, y) = (self.gamma(a, 1.0), self.gamma(b, 1.0));
            x / (x + y)
        }

        /// A customer of the model itself: observed for `age`, and then for `time` more.
        fn customer(&mut self, group: u8, [r, a, b]: [u32; 3], alpha: f64, age: f64, time: f64) -> Judged<u8> {
            let (rate, leaves) = (self.gamma(r, alpha), self.beta(a, b));
            let (mut at, mut known, mut came) = (0.0, Summary { frequency: 0, recency: 0.0, age }, 0.0);
            loop {
                at += -self.uniform().ln() / rate;
                if at > age + time {
                    break;
                }
                if at <= age {
                    known.frequency += 1;
                    known.recency = at;
                } else {
                    came += 1.0;
                }
                if self.uniform() < leaves {
                    break;
                }
            }
            Judged { summary: known, group, came }
        }
    }

    #[test]
    fn groups_that_are_other_customers_pay_and_those_drawn_by_lot_do_not() {
        let mut chance = Chance(Xoshiro256Plus::seed_from_u64(3));
        let mut customers: Vec<Judged<u8>> =
            (0..3_000).map(|_| chance.customer(0, [8, 1, 30], 4.0, 20.0, 20.0)).collect();
        customers.extend((0..3_000).map(|_| chance.customer(1, [1, 3, 2], 2.0, 20.0, 20.0)));
        let gains = super::gains(&customers, 20.0, Params::default()).unwrap().of_groups;
        assert!(gains.values().any(|own| own.gain.pays()), "{gains:?}");
        let lot: Vec<Judged<u8>> =
            (0..6_000).map(|n| chance.customer(n as u8 % 3, [1, 1, 3], 5.0, 30.0, 20.0)).collect();
        let gains = super::gains(&lot, 20.0, Params::default()).unwrap().of_groups;
        assert_eq!(gains.len(), 3);
        assert!(gains.values().all(|own| !own.gain.pays()), "{gains:?}");
    }

    #[test]
    fn small_groups_and_those_without_repeats_are_left_out() {
        let mut chance = Chance(Xoshiro256Plus::seed_from_u64(9));
        let mut customers: Vec<Judged<u8>> = (0..500).map(|_| chance.customer(0, [1, 1, 3], 5.0, 30.0, 10.0)).collect();
        customers.extend((0..50).map(|_| chance.customer(1, [1, 1, 3], 5.0, 30.0, 10.0)));
        let once = Judged { summary: Summary { frequency: 0, recency: 0.0, age: 9.0 }, group: 2, came: 0.0 };
        customers.extend(std::iter::repeat_n(once, 300));
        let gains = super::gains(&customers, 10.0, Params::default()).unwrap().of_groups;
        assert_eq!(gains.keys().copied().collect::<Vec<_>>(), [0]);
        assert!(super::gains(&customers[..100], 10.0, Params::default()).is_err());
    }

    #[test]
    fn deviance_is_least_where_the_mean_is_foretold() {
        assert_eq!(deviance(0.0, 0.0).round(), 0.0);
        assert!((deviance(3.0, 3.0)).abs() < 1e-12);
        assert!(deviance(3.0, 2.0) > 0.0 && deviance(3.0, 5.0) > 0.0 && deviance(0.0, 1.0) == 2.0);
    }
}
