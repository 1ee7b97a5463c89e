//! What a discount really brought: those who get one against those who by chance do not.

use serde::{Deserialize, Serialize};

/// An estimate and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    #[must_use]
    pub fn covers(&self, truth: f64) -> bool {
        (self.low..=self.high).contains(&truth)
    }
}

/// Of one customer: what is measured, and what was known of them before the experiment began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub outcome: f64,
    pub before: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    n: f64,
    outcome: f64,
    before: f64,
    outcome_squares: f64,
    before_squares: f64,
    products: f64,
}

impl Sums {
    fn of(all: impl IntoIterator<Item = Measured>) -> Self {
        // From the first one on, so that large numbers that hardly differ lose nothing.
        let (mut sums, mut origin) = (Self::default(), None);
        for one in all {
            let from = *origin.get_or_insert(one);
            let (x, y) = (one.before - from.before, one.outcome - from.outcome);
            sums.n += 1.0;
            sums.outcome += y;
            sums.before += x;
            sums.outcome_squares += y * y;
            sums.before_squares += x * x;
            sums.products += x * y;
        }
        if let Some(from) = origin {
            // Back to means and centred moments.
            let (y, x) = (sums.outcome / sums.n, sums.before / sums.n);
            sums.outcome_squares -= sums.n * y * y;
            sums.before_squares -= sums.n * x * x;
            sums.products -= sums.n * x * y;
            (sums.outcome, sums.before) = (y + from.outcome, x + from.before);
        }
        sums
    }
}

/// The mean effect of the treatment on a customer: the difference of the means, less what the two groups differed by before
/// (CUPED: Deng, Xu, Kohavi and Walker 2013). `None` with fewer than two customers in either group, or where a number is
/// not finite.
#[must_use]
pub fn effect(
    treated: impl IntoIterator<Item = Measured>,
    control: impl IntoIterator<Item = Measured>,
) -> Option<Interval> {
    let (t, c) = (Sums::of(treated), Sums::of(control));
    if t.n < 2.0 || c.n < 2.0 {
        return None;
    }
    let spread = t.before_squares + c.before_squares;
    let slope = if spread > 0.0 { (t.products + c.products) / spread } else { 0.0 };
    let estimate = t.outcome - c.outcome - slope * (t.before - c.before);
    let variance = |of: &Sums| {
        let residual = of.outcome_squares - 2.0 * slope * of.products + slope * slope * of.before_squares;
        residual.max(0.0) / (of.n - 1.0) / of.n
    };
    let (treated, control) = (variance(&t), variance(&c));
    let error = (treated + control).sqrt();
    if !(estimate.is_finite() && error.is_finite()) {
        return None;
    }
    // Welch and Satterthwaite's degrees of freedom.
    let freedom = (treated + control).powi(2) / (treated * treated / (t.n - 1.0) + control * control / (c.n - 1.0));
    let half = student_975(freedom) * error;
    Some(Interval { estimate, low: estimate - half, high: estimate + half })
}

/// The interval that holds the truth at *every* look at once with 95 %: who looks daily and stops when it is above nothing is wrong
/// one time in twenty at most (a mixture of normals as in Robbins 1970; Johari, Pekelis and Walsh 2022 for experiments).
///
/// `expected` is the size of effect that it is to be narrowest for, in the outcome's unit. `None` where a number is not above zero.
#[must_use]
pub fn at_every_look(interval: Interval, expected: f64) -> Option<Interval> {
    const ALPHA: f64 = 0.05;
    let variance = ((interval.high - interval.low) / 2.0 / Z).powi(2);
    let mixed = expected * expected;
    if !(variance > 0.0 && mixed > 0.0 && variance.is_finite() && mixed.is_finite()) {
        return None;
    }
    let sum = variance + mixed;
    let half = (variance * sum / mixed * (2.0 * (1.0 / ALPHA).ln() + (sum / variance).ln())).sqrt();
    Some(Interval { estimate: interval.estimate, low: interval.estimate - half, high: interval.estimate + half })
}

/// The probability that chance parts a group at least so unevenly (Pearson's chi-square with one degree of freedom). Under one in a
/// thousand the parting did not work as it should, and nothing that follows from it is to be believed. `None` without anybody, or
/// where the share is not between 0 and 1.
#[must_use]
pub fn parting(held_out: u64, treated: u64, share_held_out: f64) -> Option<f64> {
    let all = (held_out + treated) as f64;
    if all == 0.0 || !(share_held_out > 0.0 && share_held_out < 1.0) {
        return None;
    }
    let expected = all * share_held_out;
    let z = (held_out as f64 - expected) / (expected * (1.0 - share_held_out)).sqrt();
    Some(both_tails(z))
}

/// The probability of a normal number at least as far out: by the complement of the error function (Abramowitz and Stegun 7.1.26, to
/// 1.5e-7).
fn both_tails(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let coefficients = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let sum = coefficients.iter().fold(0.0, |sum, coefficient| sum * t + coefficient);
    (sum * t * (-x * x).exp()).clamp(0.0, 1.0)
}

const Z: f64 = 1.959_963_984_540_054;

/// The 97.5 % quantile of Student's distribution, by its expansion around the normal one (Abramowitz and Stegun 26.7.5): within
/// 0.1 % from eight degrees on.
fn student_975(freedom: f64) -> f64 {
    if !freedom.is_finite() {
        return Z;
    }
    let n = freedom.max(1.0);
    let (z3, z5, z7, z9) = (Z.powi(3), Z.powi(5), Z.powi(7), Z.powi(9));
    Z + (z3 + Z) / (4.0 * n)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / (96.0 * n.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * Z) / (384.0 * n.powi(3))
        + (79.0 * z9 + 776.0 * z7 + 1_482.0 * z5 - 1_920.0 * z3 - 945.0 * Z) / (92_160.0 * n.powi(4))
}

#[cfg(test)]
mod tests {
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{RngCore, SeedableRng};

    use super::*;

    fn measured(pairs: &[(f64, f64)]) -> Vec<Measured> {
        pairs.iter().map(|(outcome, before)| Measured { outcome: *outcome, before: *before }).collect()
    }

    #[test]
    fn by_a_pencil() {
        // Without a covariate: Welch's interval. Means 6 and 3, variances 4 and 1, three each: error sqrt(5/3).
        let without =
            effect(measured(&[(4.0, 0.0), (6.0, 0.0), (8.0, 0.0)]), measured(&[(2.0, 0.0), (3.0, 0.0), (4.0, 0.0)]));
        let without = without.unwrap();
        assert!((without.estimate - 3.0).abs() < 1e-12);
        // Degrees of freedom 25/9 / (16/18 + 1/18) = 2.941; the quantile there is 3.219 by tables.
        let half = without.high - without.estimate;
        assert!((half / (5.0_f64 / 3.0).sqrt() / 3.219 - 1.0).abs() < 0.01, "{half}");
        // What the covariate explains whole leaves no doubt: outcome = 2 before + 1 for the treated.
        let line =
            |from: f64, effect: f64| measured(&[0.0, 1.0, 2.0, 5.0].map(|x| (2.0 * (x + from) + effect, x + from)));
        let whole = effect(line(1.0, 1.0), line(0.0, 0.0)).unwrap();
        assert!((whole.estimate - 1.0).abs() < 1e-9 && whole.high - whole.low < 1e-5, "{whole:?}");
        assert_eq!(effect(measured(&[(1.0, 1.0)]), line(0.0, 0.0)), None);
        assert_eq!(effect(measured(&[(f64::NAN, 1.0), (1.0, 1.0)]), line(0.0, 0.0)), None);
    }

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (freedom, wanted) in [(4.0, 2.776_45), (8.0, 2.306_00), (30.0, 2.042_27), (1e9, 1.959_96)] {
            assert!((student_975(freedom) - wanted).abs() < 0.01 * wanted / freedom.min(10.0), "{freedom}");
        }
    }

    /// Of A against A, one time in twenty is called a difference; with the covariate the intervals are narrower and no less true.
    #[test]
    fn of_a_thousand_that_do_not_differ_one_in_twenty_is_called_different() {
        let mut luck = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut uniform = move || (luck.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let (mut wrong, mut width, mut plain_width) = (0, 0.0, 0.0);
        for _ in 0..1_000 {
            let mut group = |n: usize| -> Vec<Measured> {
                // Spending: many buy nothing, some much.
                (0..n)
                    .map(|_| {
                        let before = -(1.0 - uniform()).ln();
                        let outcome = if uniform() < 0.4 { 0.0 } else { before - (1.0 - uniform()).ln() };
                        Measured { outcome, before }
                    })
                    .collect()
            };
            let (one, two) = (group(300), group(60));
            let interval = effect(one.clone(), two.clone()).unwrap();
            wrong += u32::from(!interval.covers(0.0));
            width += interval.high - interval.low;
            let plain = |all: Vec<Measured>| all.into_iter().map(|one| Measured { before: 0.0, ..one });
            let plain = effect(plain(one), plain(two)).unwrap();
            plain_width += plain.high - plain.low;
        }
        assert!((30..=72).contains(&wrong), "{wrong} of 1,000");
        assert!(width < 0.95 * plain_width);
    }

    /// Of a thousand A/A experiments that are looked at forty times each: who stops at the first interval off nothing is wrong in
    /// a third of them, and in at most one in twenty with the interval for every look.
    #[test]
    fn looking_again_and_again_does_not_make_a_difference_out_of_none() {
        let mut luck = Xoshiro256PlusPlus::seed_from_u64(11);
        let mut uniform = move || (luck.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let (mut naive, mut lasting) = (0, 0);
        for _ in 0..1_000 {
            let (mut treated, mut control) = (Vec::new(), Vec::new());
            let (mut naive_wrong, mut lasting_wrong) = (false, false);
            for _ in 0..40 {
                for group in [&mut treated, &mut control] {
                    group.extend(
                        (0..25).map(|_| Measured { outcome: f64::from(u8::from(uniform() < 0.1)), before: 0.0 }),
                    );
                }
                let Some(interval) = effect(treated.iter().copied(), control.iter().copied()) else { continue };
                naive_wrong |= !interval.covers(0.0);
                lasting_wrong |= at_every_look(interval, 0.05).is_some_and(|interval| !interval.covers(0.0));
            }
            (naive, lasting) = (naive + u32::from(naive_wrong), lasting + u32::from(lasting_wrong));
        }
        assert!(naive > 200, "{naive}");
        assert!(lasting <= 50, "{lasting}");
    }

    #[test]
    fn a_parting_that_did_not_work_is_found_out() {
        // One in fifty of 20,000 is 400, give or take 20.
        assert!(parting(400, 19_600, 0.02).unwrap() > 0.999);
        assert!((parting(439, 19_561, 0.02).unwrap() - 0.048_8).abs() < 0.001);
        assert!(parting(480, 19_520, 0.02).unwrap() < 0.001);
        assert_eq!((parting(0, 0, 0.02), parting(1, 1, 0.0), parting(1, 1, f64::NAN)), (None, None, None));
        for (z, wanted) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.959_964, 0.05), (3.0, 0.002_699_8)] {
            assert!((both_tails(z) - wanted).abs() < 1e-6, "{z}");
        }
    }
}
