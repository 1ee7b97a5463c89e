//! Whether a number of segments is a property of the customers, or of who happened to be looked at.

use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use crate::FitError;
use crate::cluster::{k_means, nearest};

/// Customers that a number of segments is tried on.
const SAMPLE: usize = 3_000;
/// Draws with replacement.
const BOOTSTRAPS: u64 = 6;
/// Starts of each of these fits.
const RUNS: usize = 3;

/// How far segments of customers drawn again (bootstrap) agree with those of `centroids`: the mean adjusted Rand index over
/// the draws, each by where it places an even sample of all. 1 is the same segments every time, 0 is chance.
///
/// Hennig 2007, "Cluster-wise assessment of cluster stability", with the index of Hubert and Arabie 1985.
pub(crate) fn stability(rows: &[Vec<f64>], width: usize, centroids: &[Vec<f64>], seed: u64) -> Result<f64, FitError> {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<&Vec<f64>> = rows.iter().step_by(step).collect();
    if sample.is_empty() || centroids.len() < 2 {
        return Ok(1.0);
    }
    let placed = |centroids: &[Vec<f64>]| sample.iter().map(|row| nearest(centroids, row)).collect::<Vec<usize>>();
    let whole = placed(centroids);
    let mut sum = 0.0;
    for draw in 0..BOOTSTRAPS {
        let mut rng = Xoshiro256Plus::seed_from_u64(seed ^ (draw + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // The upper half of a product of 128 bits: any of them, as good as evenly.
        let mut any = || ((u128::from(rng.next_u64()) * sample.len() as u128) >> 64) as usize;
        let drawn: Vec<Vec<f64>> = sample.iter().map(|_| sample[any()].clone()).collect();
        let again = k_means(&drawn, width, centroids.len(), RUNS, seed.wrapping_add(draw))?;
        sum += adjusted_rand(&whole, &placed(&again));
    }
    Ok(sum / BOOTSTRAPS as f64)
}

/// How far two partitions of the same things agree, less what chance makes agree: 1 for the same, about 0 for unrelated
/// ones. Hubert and Arabie 1985. What only one of them names is left out.
#[must_use]
pub fn adjusted_rand(a: &[usize], b: &[usize]) -> f64 {
    use std::collections::BTreeMap;
    let n = a.len().min(b.len());
    let (mut both, mut of_a, mut of_b) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (a, b) in a.iter().zip(b) {
        *both.entry((*a, *b)).or_insert(0_u64) += 1;
        *of_a.entry(*a).or_insert(0_u64) += 1;
        *of_b.entry(*b).or_insert(0_u64) += 1;
    }
    let pairs = |n: u64| n as f64 * n.saturating_sub(1) as f64 / 2.0;
    let together: f64 = both.values().map(|n| pairs(*n)).sum();
    let (in_a, in_b): (f64, f64) = (of_a.values().map(|n| pairs(*n)).sum(), of_b.values().map(|n| pairs(*n)).sum());
    let all = pairs(n as u64);
    let expected = if all > 0.0 { in_a * in_b / all } else { 0.0 };
    let most = (in_a + in_b) / 2.0;
    if most == expected { 1.0 } else { (together - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::adjusted_rand;

    /// As scikit-learn's documentation and Hubert and Arabie have them.
    #[test]
    fn the_adjusted_rand_index_is_as_published() {
        for (a, b, expected) in [
            (vec![0, 0, 1, 1], vec![0, 0, 1, 1], 1.0),
            (vec![0, 0, 1, 1], vec![1, 1, 0, 0], 1.0),
            (vec![0, 0, 1, 2], vec![0, 0, 1, 1], 0.571_428_571_428_571_4),
            (vec![0, 0, 1, 1], vec![0, 0, 1, 2], 0.571_428_571_428_571_4),
            (vec![0, 0, 0, 0], vec![0, 1, 2, 3], 0.0),
            (vec![0, 0, 1, 1], vec![0, 1, 0, 1], -0.5),
            (vec![], vec![], 1.0),
            (vec![0, 1, 2], vec![0, 1, 2], 1.0),
        ] {
            assert!((adjusted_rand(&a, &b) - expected).abs() < 1e-12, "{a:?} {b:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_depend_on_names_or_on_who_is_first(pairs in prop::collection::vec((0..4_usize, 0..4_usize), 0..40)) {
            let (a, b): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
            let index = adjusted_rand(&a, &b);
            prop_assert!((-1.0..=1.0).contains(&index));
            prop_assert!((index - adjusted_rand(&b, &a)).abs() < 1e-12);
            let renamed: Vec<usize> = a.iter().map(|name| 9 - name).collect();
            prop_assert!((index - adjusted_rand(&renamed, &b)).abs() < 1e-12);
            prop_assert!((adjusted_rand(&a, &a) - 1.0).abs() < 1e-12);
        }
    }
}
