//! Whether a number of segments is a property of the customers, or of who happened to be looked at.

use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use crate::FitError;
use crate::cluster::{k_means, nearest};
use crate::clustering::adjusted_rand_index;

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
        sum += adjusted_rand_index(&whole, &placed(&again));
    }
    Ok(sum / BOOTSTRAPS as f64)
}
