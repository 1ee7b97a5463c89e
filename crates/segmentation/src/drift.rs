//! Whether customers are still those that the segments were learned from.

use serde::{Deserialize, Serialize};

use crate::features::BEHAVIOUR;
use crate::naming::quantile;

/// How a feature was spread over the customers of a fit: marks between its tenths, and the share of the customers in each,
/// which is a tenth but where many are equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    marks: Vec<f64>,
    shares: Vec<f64>,
}

impl Spread {
    /// Of the behaviour of each row, unscaled.
    pub(crate) fn of(rows: &[Vec<f64>]) -> Vec<Self> {
        (0..BEHAVIOUR)
            .map(|place| {
                let mut values: Vec<f64> = rows.iter().map(|row| row[place]).collect();
                values.sort_unstable_by(f64::total_cmp);
                let mut marks: Vec<f64> = (1..10).map(|tenth| quantile(&values, f64::from(tenth) / 10.0)).collect();
                marks.dedup();
                let shares = shares(values.iter().copied(), &marks);
                Self { marks, shares }
            })
            .collect()
    }

    pub(crate) fn drift_of(&self, values: impl Iterator<Item = f64>) -> f64 {
        stability_index(&self.shares, &shares(values, &self.marks))
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.shares.len() == self.marks.len() + 1
            && self.marks.iter().chain(&self.shares).all(|x| x.is_finite())
            && self.marks.is_sorted()
    }
}

/// The share of values up to each mark, and of those beyond the last.
fn shares(values: impl Iterator<Item = f64>, marks: &[f64]) -> Vec<f64> {
    let (mut counts, mut all) = (vec![0_u64; marks.len() + 1], 0_u64);
    for value in values {
        counts[marks.partition_point(|mark| *mark < value)] += 1;
        all += 1;
    }
    counts.into_iter().map(|count| count as f64 / all.max(1) as f64).collect()
}

/// The population stability index of two lists of shares: zero when they are the same, and never below.
pub(crate) fn stability_index(then: &[f64], now: &[f64]) -> f64 {
    // What is in nobody counts as next to nobody: otherwise one empty place would be infinitely far.
    const LEAST: f64 = 1e-4;
    then.iter()
        .zip(now)
        .map(|(then, now)| {
            let (then, now) = (then.max(LEAST), now.max(LEAST));
            (now - then) * (now / then).ln()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_stability_index_is_as_worked_out_by_hand() {
        let index = stability_index(&[0.5, 0.5], &[0.4, 0.6]);
        assert!((index - (0.1 * (0.5_f64 / 0.4).ln() + 0.1 * 1.2_f64.ln())).abs() < 1e-12, "{index}");
        assert!(stability_index(&[1.0, 0.0], &[0.0, 1.0]) > 10.0);
    }

    proptest! {
        #[test]
        fn the_same_is_no_drift_and_nothing_is_less(
            then in prop::collection::vec(0.0..100.0_f64, 1..60),
            now in prop::collection::vec(0.0..100.0_f64, 1..60),
        ) {
            let rows = |values: &[f64]| values.iter().map(|x| vec![*x; BEHAVIOUR]).collect::<Vec<_>>();
            let spread = &Spread::of(&rows(&then))[0];
            prop_assert!(spread.is_sound());
            prop_assert!(spread.drift_of(then.iter().copied()).abs() < 1e-12);
            let drift = spread.drift_of(now.into_iter());
            prop_assert!(drift >= 0.0 && drift.is_finite());
        }
    }
}
