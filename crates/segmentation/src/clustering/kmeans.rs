//! K-Means by Lloyd's rule, with Hamerly's bounds (2010): the same clusters, and most rows are never compared again.
//!
//! A run begins with greedy k-means++ (Arthur and Vassilvitskii 2007; the best of `2 + ln k` candidates each time) and Lloyd's
//! rule on a sample, then goes on over all rows until nobody moves. The run with the least inertia counts.

use linfa::traits::{Fit, PredictInplace};
use linfa::{DatasetBase, ParamGuard};
use ndarray::{Array1, ArrayBase, Data, Ix2};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{ClusterError, Rows, squared};

/// Centroids that are compared side by side.
const LANES: usize = 8;
/// Rows that a run begins with, at least, and for each cluster.
const SAMPLE: usize = 8_192;
const SAMPLE_EACH: usize = 256;
/// So often the sums of the clusters are added up anew, lest rounding creeps in.
const ADD_UP_AFTER: u32 = 16;

/// How a fit is made; [`ParamGuard::check`] makes it usable.
#[derive(Clone, Debug, PartialEq)]
pub struct KMeansParams(KMeansRules);

/// Checked [`KMeansParams`].
#[derive(Clone, Debug, PartialEq)]
pub struct KMeansRules {
    clusters: usize,
    runs: usize,
    max_iterations: u32,
    tolerance: f64,
    seed: u64,
}

impl KMeansParams {
    /// Ten runs of at most 300 iterations.
    #[must_use]
    pub fn new(clusters: usize) -> Self {
        Self(KMeansRules { clusters, runs: 10, max_iterations: 300, tolerance: 1e-4, seed: 1 })
    }

    /// Starts; the best one counts.
    #[must_use]
    pub fn runs(self, runs: usize) -> Self {
        Self(KMeansRules { runs, ..self.0 })
    }

    #[must_use]
    pub fn max_iterations(self, max_iterations: u32) -> Self {
        Self(KMeansRules { max_iterations, ..self.0 })
    }

    /// A run ends when the squares of all centroids' moves add up to no more than this share of the columns' mean variance;
    /// with zero only when no row moves.
    #[must_use]
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self(KMeansRules { tolerance, ..self.0 })
    }

    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self(KMeansRules { seed, ..self.0 })
    }

    /// # Errors
    /// [`ClusterError::Params`] when a number makes no sense.
    pub fn check(self) -> Result<KMeansRules, ClusterError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

impl ParamGuard for KMeansParams {
    type Checked = KMeansRules;
    type Error = ClusterError;

    fn check_ref(&self) -> Result<&KMeansRules, ClusterError> {
        let rules = &self.0;
        if rules.clusters == 0 || rules.runs == 0 || rules.max_iterations == 0 {
            return Err(ClusterError::Params("clusters, runs and iterations begin at one"));
        }
        if !rules.tolerance.is_finite() || rules.tolerance < 0.0 {
            return Err(ClusterError::Params("a tolerance is finite and not negative"));
        }
        Ok(rules)
    }

    fn check(self) -> Result<KMeansRules, ClusterError> {
        self.check()
    }
}

/// What a fit found: the centroids, how many rows each has, and how close those are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KMeans {
    centroids: Vec<Vec<f64>>,
    sizes: Vec<u64>,
    inertia: f64,
    iterations: u32,
}

impl KMeans {
    /// A row each. Fewer than were asked for, where fewer rows differ.
    #[must_use]
    pub fn centroids(&self) -> &[Vec<f64>] {
        &self.centroids
    }

    /// Rows of the fit that are closest to each centroid; none is empty.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// Sum over the rows of the squared distance to the closest centroid.
    #[must_use]
    pub fn inertia(&self) -> f64 {
        self.inertia
    }

    /// Of the run that counts, over all rows.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// The closest centroid; the first of equally close ones.
    #[must_use]
    pub fn assign(&self, row: &[f64]) -> usize {
        let mut best = (0, f64::INFINITY);
        for (place, centroid) in self.centroids.iter().enumerate() {
            let distance = squared(centroid, row);
            if distance < best.1 {
                best = (place, distance);
            }
        }
        best.0
    }
}

impl<D: Data<Elem = f64>, T> Fit<ArrayBase<D, Ix2>, T, ClusterError> for KMeansRules {
    type Object = KMeans;

    /// # Errors
    /// [`ClusterError::TooFew`] without a row or a column, [`ClusterError::NotFinite`].
    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<KMeans, ClusterError> {
        self.find(&Rows::of(&dataset.records)?)
    }
}

impl KMeansRules {
    /// The same of rows that stand one after the other.
    ///
    /// # Errors
    /// As with linfa's `fit`.
    pub fn fit_rows(&self, flat: Vec<f64>, width: usize) -> Result<KMeans, ClusterError> {
        self.find(&Rows::new(flat, width)?)
    }

    fn find(&self, rows: &Rows) -> Result<KMeans, ClusterError> {
        if rows.count == 0 || rows.width == 0 {
            return Err(ClusterError::TooFew { rows: rows.count, needed: 1 });
        }
        let mut rng = Xoshiro256Plus::seed_from_u64(self.seed);
        let enough = self.tolerance * mean_variance(rows);
        let size = SAMPLE.max(SAMPLE_EACH * self.clusters);
        let mut best: Option<Run> = None;
        for _ in 0..self.runs {
            let begun = if rows.count > 2 * size {
                let sample = sample(rows, size, &mut rng);
                let seeds = plus_plus(&sample, self.clusters, &mut rng);
                Run::over(&sample, seeds, self.max_iterations, enough).centroids
            } else {
                plus_plus(rows, self.clusters, &mut rng)
            };
            let run = Run::over(rows, begun, self.max_iterations, enough);
            if best.as_ref().is_none_or(|best| run.inertia < best.inertia) {
                best = Some(run);
            }
        }
        let Some(run) = best else { return Err(ClusterError::Params("runs begin at one")) };
        let members = run.sizes.iter().zip(run.centroids.chunks_exact(rows.width));
        let (sizes, centroids) =
            members.filter(|(size, _)| **size > 0).map(|(size, centroid)| (*size, centroid.to_vec())).unzip();
        Ok(KMeans { centroids, sizes, inertia: run.inertia, iterations: run.iterations })
    }
}

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<usize>> for KMeans {
    fn predict_inplace<'a>(&'a self, records: &'a ArrayBase<D, Ix2>, targets: &mut Array1<usize>) {
        let mut scratch = Vec::new();
        for (row, target) in records.rows().into_iter().zip(targets.iter_mut()) {
            *target = match row.as_slice() {
                Some(row) => self.assign(row),
                None => {
                    scratch.clear();
                    scratch.extend(row.iter().copied());
                    self.assign(&scratch)
                }
            };
        }
    }

    fn default_target(&self, records: &ArrayBase<D, Ix2>) -> Array1<usize> {
        Array1::zeros(records.nrows())
    }
}

/// A number below `end`, which is not zero; the bias of the remainder is below 2^-40 for anything that fits into memory.
fn below(rng: &mut Xoshiro256Plus, end: usize) -> usize {
    (rng.next_u64() % end.max(1) as u64) as usize
}

/// From 0 to under 1.
fn share(rng: &mut Xoshiro256Plus) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn sample(rows: &Rows, size: usize, rng: &mut Xoshiro256Plus) -> Rows {
    let mut flat = Vec::with_capacity(size * rows.width);
    for _ in 0..size {
        flat.extend_from_slice(rows.row(below(rng, rows.count)));
    }
    Rows { flat, count: size, width: rows.width }
}

fn mean_variance(rows: &Rows) -> f64 {
    let count = rows.count as f64;
    let mut sum = vec![0.0; rows.width];
    for row in rows.flat.chunks_exact(rows.width) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let means: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
    rows.flat.chunks_exact(rows.width).map(|row| squared(row, &means)).sum::<f64>() / (count * rows.width as f64)
}

/// Greedy k-means++: each next centroid is the candidate, drawn by its squared distance to those before, that leaves the
/// least. Ends early where no row is away from all of them.
fn plus_plus(rows: &Rows, clusters: usize, rng: &mut Xoshiro256Plus) -> Vec<f64> {
    let width = rows.width;
    let candidates = 2 + (clusters as f64).ln() as usize;
    let mut centroids = rows.row(below(rng, rows.count)).to_vec();
    let mut away: Vec<f64> = rows.flat.chunks_exact(width).map(|row| squared(row, &centroids)).collect();
    let mut left: f64 = away.iter().sum();
    while centroids.len() < clusters * width && left > 0.0 {
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..candidates {
            let candidate = drawn(&away, left * share(rng));
            let row = rows.row(candidate);
            let closer: Vec<f64> = rows
                .flat
                .chunks_exact(width)
                .zip(&away)
                .map(|(other, away)| if *away > 0.0 { away.min(squared(other, row)) } else { 0.0 })
                .collect();
            let leaves = closer.iter().sum();
            if best.as_ref().is_none_or(|(least, ..)| leaves < *least) {
                best = Some((leaves, candidate, closer));
            }
        }
        let Some((leaves, candidate, closer)) = best else { break };
        centroids.extend_from_slice(rows.row(candidate));
        (left, away) = (leaves, closer);
    }
    centroids
}

/// The row at which the sum of weights passes `at`; never one without weight.
fn drawn(weights: &[f64], at: f64) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (place, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        sum += weight;
        last = place;
        if sum > at {
            return place;
        }
    }
    last
}

/// Centroids by lanes: column by column, eight centroids beside each other; who is not there is infinitely far away.
struct Lanes {
    blocks: Vec<[f64; LANES]>,
    width: usize,
}

impl Lanes {
    fn of(centroids: &[f64], width: usize) -> Self {
        let count = centroids.len() / width;
        let mut blocks = vec![[f64::INFINITY; LANES]; count.div_ceil(LANES) * width];
        for (place, centroid) in centroids.chunks_exact(width).enumerate() {
            for (column, x) in centroid.iter().enumerate() {
                blocks[place / LANES * width + column][place % LANES] = *x;
            }
        }
        Self { blocks, width }
    }

    /// The closest centroid, its squared distance, and that of the next one.
    fn two_closest(&self, row: &[f64]) -> (usize, f64, f64) {
        let (mut closest, mut least, mut second) = (0, f64::INFINITY, f64::INFINITY);
        for (block, columns) in self.blocks.chunks_exact(self.width).enumerate() {
            let mut sums = [0.0_f64; LANES];
            for (lanes, x) in columns.iter().zip(row) {
                for (sum, centroid) in sums.iter_mut().zip(lanes) {
                    let apart = x - centroid;
                    *sum += apart * apart;
                }
            }
            for (lane, &distance) in sums.iter().enumerate() {
                if distance < least {
                    (closest, least, second) = (block * LANES + lane, distance, least);
                } else if distance < second {
                    second = distance;
                }
            }
        }
        (closest, least, second)
    }
}

/// Lloyd's rule from some centroids to where they stay.
struct Run {
    /// One after the other.
    centroids: Vec<f64>,
    sizes: Vec<u64>,
    inertia: f64,
    iterations: u32,
}

/// Hamerly's bounds of each row: no farther than `upper` from its own centroid, no closer than `lower` to any other.
struct Bounds {
    own: Vec<u32>,
    upper: Vec<f64>,
    lower: Vec<f64>,
}

impl Run {
    fn over(rows: &Rows, mut centroids: Vec<f64>, max_iterations: u32, enough: f64) -> Self {
        let width = rows.width;
        let clusters = centroids.len() / width;
        let mut bounds = Bounds::of(rows, &Lanes::of(&centroids, width));
        let (mut sums, mut sizes) = bounds.add_up(rows, clusters);
        let mut iterations = 0;
        loop {
            iterations += 1;
            let lost = bounds.feed_the_empty(rows, &centroids, &mut sums, &mut sizes);
            let moves = moves(&mut centroids, &sums, &sizes, width);
            let moved: f64 = moves.iter().map(|by| by * by).sum();
            let changed = bounds.follow(rows, &centroids, &moves, &mut sums, &mut sizes);
            if (changed == 0 && !lost) || moved <= enough || iterations >= max_iterations {
                break;
            }
            if iterations.is_multiple_of(ADD_UP_AFTER) {
                (sums, sizes) = bounds.add_up(rows, clusters);
            }
        }
        // The exact means of who belongs where, and once more who is closest to them.
        let (sums, sizes) = bounds.add_up(rows, clusters);
        moves(&mut centroids, &sums, &sizes, width);
        let lanes = Lanes::of(&centroids, width);
        let mut sizes = vec![0; clusters];
        let mut inertia = 0.0;
        for row in rows.flat.chunks_exact(width) {
            let (own, distance, _) = lanes.two_closest(row);
            sizes[own] += 1;
            inertia += distance;
        }
        Self { centroids, sizes, inertia, iterations }
    }
}

/// Moves every centroid to the mean of its members; says how far each went.
fn moves(centroids: &mut [f64], sums: &[f64], sizes: &[u64], width: usize) -> Vec<f64> {
    let old = centroids.chunks_exact_mut(width).zip(sums.chunks_exact(width)).zip(sizes);
    old.map(|((centroid, sum), size)| {
        if *size == 0 {
            return 0.0;
        }
        let mut moved = 0.0;
        for (x, sum) in centroid.iter_mut().zip(sum) {
            let mean = sum / *size as f64;
            moved += (mean - *x) * (mean - *x);
            *x = mean;
        }
        moved.sqrt()
    })
    .collect()
}

impl Bounds {
    fn of(rows: &Rows, lanes: &Lanes) -> Self {
        let (mut own, mut upper, mut lower) =
            (Vec::with_capacity(rows.count), Vec::with_capacity(rows.count), Vec::with_capacity(rows.count));
        for row in rows.flat.chunks_exact(rows.width) {
            let (closest, least, second) = lanes.two_closest(row);
            own.push(closest as u32);
            upper.push(least.sqrt());
            lower.push(second.sqrt());
        }
        Self { own, upper, lower }
    }

    /// The sum and the number of each cluster's members.
    fn add_up(&self, rows: &Rows, clusters: usize) -> (Vec<f64>, Vec<u64>) {
        let width = rows.width;
        let (mut sums, mut sizes) = (vec![0.0; clusters * width], vec![0; clusters]);
        for (row, own) in rows.flat.chunks_exact(width).zip(&self.own) {
            let own = *own as usize;
            sizes[own] += 1;
            sums[own * width..(own + 1) * width].iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        (sums, sizes)
    }

    /// A cluster that lost all its members takes the row that is farthest from its own centroid. Whether there was one.
    fn feed_the_empty(&mut self, rows: &Rows, centroids: &[f64], sums: &mut [f64], sizes: &mut [u64]) -> bool {
        let width = rows.width;
        let empty: Vec<usize> = (0..sizes.len()).filter(|&cluster| sizes[cluster] == 0).collect();
        for &cluster in &empty {
            let distance = |n: usize| {
                let own = self.own[n] as usize;
                if sizes[own] < 2 { 0.0 } else { squared(rows.row(n), &centroids[own * width..(own + 1) * width]) }
            };
            let farthest =
                (0..rows.count).map(|n| (distance(n), n)).fold((0.0, None), |best: (f64, Option<usize>), (d, n)| {
                    if d > best.0 { (d, Some(n)) } else { best }
                });
            let Some(n) = farthest.1 else { continue };
            let old = self.own[n] as usize;
            for (column, x) in rows.row(n).iter().enumerate() {
                sums[old * width + column] -= x;
                sums[cluster * width + column] = *x;
            }
            sizes[old] -= 1;
            sizes[cluster] = 1;
            self.own[n] = cluster as u32;
            // Nothing that was known of the distances holds for the centroid that jumps.
            self.upper.fill(f64::INFINITY);
            self.lower.fill(0.0);
        }
        !empty.is_empty()
    }

    /// The centroids moved: who is closer to another one now changes over. Says how many did.
    fn follow(&mut self, rows: &Rows, centroids: &[f64], moves: &[f64], sums: &mut [f64], sizes: &mut [u64]) -> usize {
        let width = rows.width;
        let lanes = Lanes::of(centroids, width);
        let reach = half_way(centroids, width);
        let (farthest, far) = two_farthest(moves);
        let mut changed = 0;
        for n in 0..rows.count {
            let own = self.own[n] as usize;
            self.upper[n] += moves[own];
            self.lower[n] -= if own == farthest { far.1 } else { far.0 };
            let bound = self.lower[n].max(reach[own]);
            if self.upper[n] <= bound {
                continue;
            }
            let row = rows.row(n);
            self.upper[n] = squared(row, &centroids[own * width..(own + 1) * width]).sqrt();
            if self.upper[n] <= bound {
                continue;
            }
            let (closest, least, second) = lanes.two_closest(row);
            self.upper[n] = least.sqrt();
            self.lower[n] = second.sqrt();
            if closest != own {
                changed += 1;
                self.own[n] = closest as u32;
                sizes[own] -= 1;
                sizes[closest] += 1;
                for (column, x) in row.iter().enumerate() {
                    sums[own * width + column] -= x;
                    sums[closest * width + column] += x;
                }
            }
        }
        changed
    }
}

/// Half of the way from each centroid to its closest neighbour: who is nearer than that belongs to it.
fn half_way(centroids: &[f64], width: usize) -> Vec<f64> {
    let all = || centroids.chunks_exact(width).enumerate();
    all()
        .map(|(one, a)| {
            let others = all().filter(|(other, _)| *other != one).map(|(_, b)| squared(a, b));
            others.fold(f64::INFINITY, f64::min).sqrt() / 2.0
        })
        .collect()
}

/// Who moved farthest; how far, and how far the next one did.
fn two_farthest(moves: &[f64]) -> (usize, (f64, f64)) {
    let (mut who, mut first, mut second) = (0, 0.0, 0.0);
    for (place, &by) in moves.iter().enumerate() {
        if by > first {
            (who, first, second) = (place, by, first);
        } else if by > second {
            second = by;
        }
    }
    (who, (first, second))
}
