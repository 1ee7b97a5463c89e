//! Random numbers that are functions of what they are for (counter-based: Salmon, Moraes, Dror and Shaw 2011, "Parallel random
//! numbers: as easy as 1, 2, 3"), with SplitMix64's finaliser (Steele, Lea and Flood 2014) as the mixing. Nothing is drawn in
//! order, so nothing that happens shifts what is drawn later.

/// What a number is for: no two kinds share one.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Purpose {
    /// What a shopper is like; `round` tells the traits apart.
    Trait,
    Comes,
    More,
    Chooses,
    Leaves,
}

/// The luck of one shopper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u64);

fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Chance {
    pub(crate) fn of(seed: u64, shopper: u64) -> Self {
        Self(mix(mix(seed) ^ shopper))
    }

    /// Of the same shopper in a future that may have been.
    pub(crate) fn other(self, future: u32) -> Self {
        Self(mix(self.0 ^ mix(u64::from(future) ^ (0xff << 56))))
    }

    /// In 0..1, without both ends.
    pub(crate) fn uniform(self, purpose: Purpose, week: u32, round: u32) -> f64 {
        let counter = ((purpose as u64) << 56) ^ (u64::from(week) << 24) ^ u64::from(round);
        ((mix(self.0 ^ mix(counter)) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Mean 0, deviation 1 (Box and Muller 1958).
    pub(crate) fn normal(self, purpose: Purpose, round: u32) -> f64 {
        let (radius, angle) = (self.uniform(purpose, 0, 2 * round), self.uniform(purpose, 0, 2 * round + 1));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_do_not_know_of_each_other() {
        let (mut sum, mut squares, mut products, mut normals, mut normal_squares) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let count = 200_000;
        for shopper in 0..count {
            let chance = Chance::of(1, shopper);
            let (x, y) = (chance.uniform(Purpose::Comes, 3, 0), chance.uniform(Purpose::Comes, 4, 0));
            (sum, squares, products) = (sum + x, squares + x * x, products + (x - 0.5) * (y - 0.5));
            let z = chance.normal(Purpose::Trait, 2);
            (normals, normal_squares) = (normals + z, normal_squares + z * z);
        }
        let mean = |x: f64| x / count as f64;
        // Within five standard errors of what they should be.
        assert!((mean(sum) - 0.5).abs() < 5.0 * 0.2887 / (count as f64).sqrt());
        assert!((mean(squares) - 1.0 / 3.0).abs() < 5.0 * 0.2981 / (count as f64).sqrt());
        assert!(mean(products).abs() < 5.0 / 12.0 / (count as f64).sqrt());
        assert!(mean(normals).abs() < 5.0 / (count as f64).sqrt());
        assert!((mean(normal_squares) - 1.0).abs() < 5.0 * 2.0_f64.sqrt() / (count as f64).sqrt());
    }
}
