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
