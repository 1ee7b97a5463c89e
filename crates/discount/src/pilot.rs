//! Offers by chance, from which answers are learned.
//!
//! How steeply a customer's log-odds rise is learned best from offers at the two ends (the D-optimal design of a slope has only
//! those: Atkinson, Donev and Tobias 2007, "Optimum Experimental Designs"); a few between them tell whether the way between is
//! straight. What is offered is a function of seed, customer and round, so that the log can be checked, and has nothing to do
//! with what the customer did.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// Of all offers, how many are at the two ends.
const AT_THE_ENDS: f64 = 0.96;

/// By chance, and for good: as the share grows those who are held out stay so, and others join them.
#[must_use]
pub fn is_held_out(seed: u64, share: f64, customer: u64) -> bool {
    const ROUND: u64 = u64::MAX;
    by_chance(seed, customer, ROUND) < share
}

/// A draw in 0..1 that is a function of what it is for.
#[must_use]
pub fn by_chance(seed: u64, customer: u64, round: u64) -> f64 {
    let mut mixed = SplitMix64::seed_from_u64(seed);
    let mut mixed = SplitMix64::seed_from_u64(mixed.next_u64() ^ customer);
    let mut mixed = SplitMix64::seed_from_u64(mixed.next_u64() ^ round);
    (mixed.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The level of a customer for a round (a week, or an offer), of so many, and the probability with which it was this one.
#[must_use]
pub fn offer(levels: usize, seed: u64, customer: u64, round: u64) -> (u8, f64) {
    let drawn = by_chance(seed, customer, round);
    let mut up_to = 0.0;
    for level in 0..levels {
        up_to += propensity(levels, level);
        if drawn < up_to {
            return (level as u8, propensity(levels, level));
        }
    }
    let last = levels.saturating_sub(1);
    (last as u8, propensity(levels, last))
}

/// The probability of a level.
#[must_use]
pub fn propensity(levels: usize, level: usize) -> f64 {
    match levels {
        0 | 1 => 1.0,
        2 => 0.5,
        _ if level == 0 || level == levels - 1 => AT_THE_ENDS / 2.0,
        _ => (1.0 - AT_THE_ENDS) / (levels - 2) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_comes_as_often_as_its_propensity_says() {
        for levels in [1, 2, 3, 8] {
            let whole: f64 = (0..levels).map(|level| propensity(levels, level)).sum();
            assert!((whole - 1.0).abs() < 1e-12);
            let mut counts = vec![0_u32; levels];
            let draws = 200_000;
            for customer in 0..draws {
                let (level, said) = offer(levels, 7, customer, 3);
                assert_eq!(said, propensity(levels, usize::from(level)));
                counts[usize::from(level)] += 1;
            }
            for (level, count) in counts.iter().enumerate() {
                let (share, wanted) = (f64::from(*count) / draws as f64, propensity(levels, level));
                assert!(
                    (share - wanted).abs() < 5.0 * (0.25 / draws as f64).sqrt(),
                    "{levels} {level} {share} {wanted}"
                );
            }
        }
    }
}
