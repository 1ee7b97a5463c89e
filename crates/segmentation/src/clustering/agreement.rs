//! How far two ways of dividing the same things agree.

use std::collections::BTreeMap;

/// The adjusted Rand index (Hubert and Arabie 1985): 1 when two divisions are the same but for the names, 0 on average when
/// they have nothing to do with each other. Two divisions into one part each, or into single things each, agree: 1.
///
/// Compares as far as the shorter one goes.
#[must_use]
pub fn adjusted_rand_index<L: Ord + Copy>(one: &[L], other: &[L]) -> f64 {
    let mut both: BTreeMap<(L, L), u64> = BTreeMap::new();
    let (mut first, mut second): (BTreeMap<L, u64>, BTreeMap<L, u64>) = (BTreeMap::new(), BTreeMap::new());
    let mut things = 0_u64;
    for (&a, &b) in one.iter().zip(other) {
        *both.entry((a, b)).or_default() += 1;
        *first.entry(a).or_default() += 1;
        *second.entry(b).or_default() += 1;
        things += 1;
    }
    let pairs = |n: u64| n as f64 * (n as f64 - 1.0) / 2.0;
    let together: f64 = both.values().map(|&n| pairs(n)).sum();
    let (in_first, in_second): (f64, f64) =
        (first.values().map(|&n| pairs(n)).sum(), second.values().map(|&n| pairs(n)).sum());
    let all = pairs(things);
    if all <= 0.0 {
        return 1.0;
    }
    let expected = in_first * in_second / all;
    let most = f64::midpoint(in_first, in_second);
    if (most - expected).abs() < f64::EPSILON * most.max(1.0) { 1.0 } else { (together - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::adjusted_rand_index;

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
            assert!((adjusted_rand_index(&a, &b) - expected).abs() < 1e-12, "{a:?} {b:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_depend_on_names_or_on_who_is_first(pairs in prop::collection::vec((0..4_usize, 0..4_usize), 0..40)) {
            let (a, b): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
            let index = adjusted_rand_index(&a, &b);
            prop_assert!((-1.0..=1.0).contains(&index));
            prop_assert!((index - adjusted_rand_index(&b, &a)).abs() < 1e-12);
            let renamed: Vec<usize> = a.iter().map(|name| 9 - name).collect();
            prop_assert!((index - adjusted_rand_index(&renamed, &b)).abs() < 1e-12);
            prop_assert!((adjusted_rand_index(&a, &a) - 1.0).abs() < 1e-12);
        }
    }
}
