use super::*;

/// n over k, exactly.
pub(super) fn choose(n: u32, k: u32) -> u128 {
    if k > n {
        return 0;
    }
    (0..k).fold(1, |product, i| product * u128::from(n - i) / u128::from(i + 1))
}

/// P(at least `both`), summed up exactly.
pub(super) fn summed(both: u32, x: u32, y: u32, n: u32) -> f64 {
    let ways: u128 = (both..=x.min(y)).map(|k| choose(x, k) * choose(n - x, y - k)).sum();
    ways as f64 / choose(n, y) as f64
}

pub(super) fn close(found: f64, expected: f64, within: f64) -> bool {
    (found - expected).abs() <= within * expected.abs()
}

#[test]
fn the_lady_tasting_tea() {
    let fisher = Fisher::new(8);
    for (both, ways) in [(4, 1.0), (3, 17.0), (2, 53.0), (1, 69.0), (0, 70.0)] {
        assert!(close(fisher.p_value(both, 4, 4), ways / 70.0, 1e-13), "{both}");
    }
}

#[test]
fn counts_that_cannot_be_break_nothing() {
    for n in [0, 1, 5] {
        let fisher = Fisher::new(n);
        for (both, x, y) in [(0, 0, 0), (9, 9, 9), (3, 1, 2), (u32::MAX, u32::MAX, 0), (0, 5, 5)] {
            assert!((0.0..=1.0).contains(&fisher.p_value(both, x, y)), "{both} {x} {y} of {n}");
        }
    }
}

#[test]
fn what_is_next_to_impossible_is_zero_and_not_a_nan() {
    assert_eq!(Fisher::new(1_000_000).p_value(400_000, 400_000, 400_000), 0.0);
}

/// Summed up in integers of any size, by another program.
#[test]
fn large_counts_are_exact_enough() {
    for (both, x, y, n, expected) in [
        (32, 49, 2_513, 9_835, 5.146_993_528_434_487_5e-9),
        (19, 19, 2_513, 9_835, 5.234_500_809_746_469e-12),
        (260, 3_000, 80_000, 1_000_000, 0.095_461_559_084_108_94),
        (300, 3_000, 80_000, 1_000_000, 5.170_018_082_623_832_4e-5),
        (1_500, 20_000, 50_000, 1_000_000, 2.746_636_819_037_178_4e-53),
    ] {
        let found = Fisher::new(n).p_value(both, x, y);
        assert!(close(found, expected, 1e-8), "{found} is not {expected}");
    }
}

proptest! {
    #[test]
    fn it_is_the_sum_of_the_probabilities(n in 1_u32..90, x in 0_u32..90, y in 0_u32..90, both in 0_u32..90) {
        let (x, y) = (x.min(n), y.min(n));
        let both = both.min(x).min(y).max(x.saturating_sub(n - y));
        let (found, expected) = (Fisher::new(n).p_value(both, x, y), summed(both, x, y, n));
        prop_assert!(close(found, expected, 1e-10), "{} is not {}", found, expected);
    }

    /// Beyond the factorials that are kept, too: either at least `both` of y are met, or more than x - `both` of the
    /// others.
    #[test]
    fn both_tails_add_up_to_one(
        n in 1_u32..1_000_000,
        x in any::<prop::sample::Index>(),
        y in any::<prop::sample::Index>(),
        both in any::<prop::sample::Index>(),
    ) {
        let (x, y) = (x.index(n as usize + 1) as u32, y.index(n as usize + 1) as u32);
        let (least, most) = (x.saturating_sub(n - y), x.min(y));
        // Near what is expected, or anywhere.
        let expected = (u64::from(x) * u64::from(y) / u64::from(n)) as u32;
        let far = least + both.index((most - least) as usize + 1) as u32;
        let near = (expected + both.index(200) as u32).saturating_sub(100).clamp(least, most);
        let fisher = Fisher::new(n);
        for both in [near, far] {
            let sum = fisher.p_value(both, x, y) + fisher.p_value(x - both + 1, x, n - y);
            prop_assert!((sum - 1.0).abs() < 1e-6, "{} for {} of {}, {} in {}", sum, both, x, y, n);
        }
    }

    #[test]
    fn the_sides_may_be_exchanged(n in 1_u32..5_000, x in 0_u32..5_000, y in 0_u32..5_000, both in 0_u32..5_000) {
        let fisher = Fisher::new(n);
        let (one, other) = (fisher.p_value(both, x, y), fisher.p_value(both, y, x));
        prop_assert!(close(one, other, 1e-9) || one < 1e-300, "{} {}", one, other);
    }
}
