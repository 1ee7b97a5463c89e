//! Rows -> centroids, and the silhouette that chooses how many.

use crate::FitError;
use crate::clustering::KMeansParams;

/// Centroids of at most `k` clusters, none of them empty; `rows` are of `width` finite numbers.
pub(crate) fn k_means(
    rows: &[Vec<f64>],
    width: usize,
    k: usize,
    runs: usize,
    seed: u64,
) -> Result<Vec<Vec<f64>>, FitError> {
    let rules = KMeansParams::new(k).runs(runs).seed(seed).check()?;
    Ok(rules.fit_rows(rows.concat(), width)?.centroids().to_vec())
}

/// The closest centroid; the first of equally close ones.
pub(crate) fn nearest(centroids: &[Vec<f64>], row: &[f64]) -> usize {
    let mut best = (0, f64::INFINITY);
    for (i, centroid) in centroids.iter().enumerate() {
        let distance = squared(centroid, row);
        if distance < best.1 {
            best = (i, distance);
        }
    }
    best.0
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// Mean silhouette of an even sample of `rows` (Rousseeuw 1987): -1 to 1, and 0 where there is but one of the `clusters`. `of` is
/// the cluster of a row; whoever is in none is not looked at.
pub(crate) fn silhouette(
    rows: &[Vec<f64>],
    clusters: usize,
    of: impl Fn(usize) -> Option<usize>,
    sample: usize,
) -> f64 {
    let step = rows.len().div_ceil(sample).max(1);
    let (sampled, members): (Vec<&Vec<f64>>, Vec<usize>) =
        rows.iter().enumerate().step_by(step).filter_map(|(n, row)| Some((row, of(n)?))).unzip();
    let mut sizes = vec![0_usize; clusters];
    members.iter().for_each(|&m| sizes[m] += 1);
    if sizes.iter().filter(|&&s| s > 0).count() < 2 {
        return 0.0;
    }
    let mut sums = vec![0.0; clusters];
    let mut total = 0.0;
    for (i, row) in sampled.iter().enumerate() {
        let own = members[i];
        if sizes[own] < 2 {
            continue; // alone in its cluster: 0 by definition
        }
        sums.fill(0.0);
        for (other, &member) in sampled.iter().zip(&members) {
            sums[member] += squared(row, other).sqrt();
        }
        let within = sums[own] / (sizes[own] - 1) as f64;
        let between = (0..sums.len())
            .filter(|&c| c != own && sizes[c] > 0)
            .map(|c| sums[c] / sizes[c] as f64)
            .fold(f64::INFINITY, f64::min);
        let larger = within.max(between);
        if larger > 0.0 {
            total += (between - within) / larger;
        }
    }
    total / sampled.len() as f64
}
