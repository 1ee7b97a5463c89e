use linfa::DatasetBase;
use linfa::traits::{Fit, Predict, Transformer};
use linfa_clustering::{Dbscan as LinfaDbscan, KMeans as LinfaKMeans};
use linfa_nn::distance::L2Dist;
use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use super::*;

/// Blobs of points around random centres, and noise between them; and whose each point is.
fn blobs(count: usize, width: usize, centres: usize, spread: f64, seed: u64) -> (Array2<f64>, Vec<usize>) {
    let mut rng = Xoshiro256Plus::seed_from_u64(seed);
    let mut share = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let middles: Vec<f64> = (0..centres * width).map(|_| share() * 10.0).collect();
    let mut flat = Vec::with_capacity(count * width);
    let mut whose = Vec::with_capacity(count);
    for n in 0..count {
        let own = n % centres;
        whose.push(own);
        for column in 0..width {
            // Near enough to a normal distribution.
            let bell: f64 = (0..12).map(|_| share()).sum::<f64>() - 6.0;
            flat.push(middles[own * width + column] + bell * spread);
        }
    }
    (Array2::from_shape_vec((count, width), flat).unwrap(), whose)
}

fn k_means(rows: &Array2<f64>, clusters: usize, runs: usize) -> KMeans {
    KMeansParams::new(clusters).runs(runs).check().unwrap().fit(&DatasetBase::from(rows.clone())).unwrap()
}

/// By the definition: quadratic, one row after the other.
fn dbscan_by_definition(rows: &Array2<f64>, reach: f64, min_points: usize) -> Vec<Option<u32>> {
    let count = rows.nrows();
    let near = |a: usize, b: usize| {
        let apart: f64 = rows.row(a).iter().zip(rows.row(b)).map(|(x, y)| (x - y) * (x - y)).sum();
        apart <= reach * reach
    };
    let neighbours: Vec<Vec<usize>> = (0..count).map(|a| (0..count).filter(|&b| near(a, b)).collect()).collect();
    let mut labels = vec![None; count];
    let mut next = 0;
    for n in 0..count {
        if labels[n].is_some() || neighbours[n].len() < min_points {
            continue;
        }
        let mut open = vec![n];
        labels[n] = Some(next);
        while let Some(at) = open.pop() {
            if neighbours[at].len() < min_points {
                continue;
            }
            for &other in &neighbours[at] {
                if labels[other].is_none() {
                    labels[other] = Some(next);
                    open.push(other);
                }
            }
        }
        next += 1;
    }
    labels
}

#[test]
fn planted_clusters_are_found_again() {
    let (rows, whose) = blobs(6_000, 5, 6, 0.3, 11);
    let found = k_means(&rows, 6, 10);
    let labels: Array1<usize> = found.predict(&rows);
    assert!(adjusted_rand_index(&labels.to_vec(), &whose) > 0.999);
    assert_eq!(found.sizes().iter().sum::<u64>(), 6_000);
    let dense = DbscanParams::new(0.9, 8).check().unwrap().fit(&DatasetBase::from(rows)).unwrap();
    let whose: Vec<Option<u32>> = whose.iter().map(|&own| Some(own as u32)).collect();
    assert!(adjusted_rand_index(dense.labels(), &whose) > 0.99, "{dense:?}");
}

#[test]
fn a_fit_is_as_good_as_linfas_and_counts_right() {
    for (seed, spread) in [(1, 0.5), (2, 1.5), (3, 3.0)] {
        let (rows, _) = blobs(4_000, 4, 7, spread, seed);
        let ours = k_means(&rows, 7, 10);
        let theirs = LinfaKMeans::params_with(7, Xoshiro256Plus::seed_from_u64(seed), L2Dist)
            .n_runs(10)
            .tolerance(1e-6)
            .fit(&DatasetBase::from(rows.clone()))
            .unwrap();
        let inertia = |centroids: &[Vec<f64>]| -> f64 {
            let nearest = |row: &[f64]| centroids.iter().map(|c| squared(c, row)).fold(f64::INFINITY, f64::min);
            rows.axis_iter(Axis(0)).map(|row| nearest(row.as_slice().unwrap())).sum()
        };
        let of_linfa = inertia(&theirs.centroids().rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>());
        assert!(ours.inertia() <= of_linfa * 1.001, "{} {of_linfa}", ours.inertia());
        assert!((inertia(ours.centroids()) / ours.inertia() - 1.0).abs() < 1e-9);
        let labels: Array1<usize> = ours.predict(&rows);
        for (cluster, size) in ours.sizes().iter().enumerate() {
            assert_eq!(labels.iter().filter(|label| **label == cluster).count() as u64, *size);
        }
    }
}

#[test]
fn fewer_distinct_rows_give_fewer_clusters() {
    let rows = Array2::from_shape_fn((300, 2), |(n, _)| f64::from(n as u32 % 3));
    let found = k_means(&rows, 8, 3);
    assert_eq!((found.centroids().len(), found.sizes()), (3, &[100, 100, 100][..]));
    assert!(found.inertia() < 1e-12);
    assert_eq!(k_means(&Array2::zeros((1, 1)), 4, 2).sizes(), [1]);
}

#[test]
fn what_cannot_be_clustered_is_refused() {
    let fit = |rows: Array2<f64>| KMeansParams::new(2).check().unwrap().fit(&DatasetBase::from(rows));
    assert_eq!(fit(Array2::zeros((0, 3))), Err(ClusterError::TooFew { rows: 0, needed: 1 }));
    let mut rows = Array2::zeros((5, 3));
    rows[[3, 1]] = f64::NAN;
    assert_eq!(fit(rows.clone()), Err(ClusterError::NotFinite { row: 3, column: 1 }));
    rows[[3, 1]] = f64::INFINITY;
    let dbscan = DbscanParams::new(1.0, 2).check().unwrap();
    assert!(matches!(dbscan.fit(&DatasetBase::from(rows)), Err(ClusterError::NotFinite { row: 3, column: 1 })));
    for params in [KMeansParams::new(0), KMeansParams::new(2).runs(0), KMeansParams::new(2).tolerance(f64::NAN)] {
        assert!(params.check().is_err());
    }
    for params in [DbscanParams::new(0.0, 2), DbscanParams::new(f64::INFINITY, 2), DbscanParams::new(1.0, 0)] {
        assert!(params.check().is_err());
    }
}

#[test]
fn dbscan_labels_are_linfas() {
    for (seed, reach, min_points) in [(4, 0.6, 10), (5, 0.4, 5), (6, 1.2, 30)] {
        let (rows, _) = blobs(3_000, 3, 9, 0.7, seed);
        let rules = DbscanParams::new(reach, min_points).check().unwrap();
        let ours: Array1<Option<usize>> = rules.transform(&rows).unwrap();
        let theirs = LinfaDbscan::params(min_points).tolerance(reach).transform(&rows).unwrap();
        // Theirs gives rows at the border of two clusters to either.
        let cores = rules.fit(&DatasetBase::from(rows)).unwrap();
        assert!(cores.cores() > 100);
        let same = ours.iter().zip(&theirs).filter(|(a, b)| a == b).count();
        assert!(same as f64 >= 0.999 * ours.len() as f64, "{same}");
    }
}

#[test]
fn many_equal_rows_are_one_point_of_their_weight() {
    let mut rows = Array2::zeros((20_000, 3));
    rows[[19_999, 0]] = 5.0;
    let began = std::time::Instant::now();
    let found = DbscanParams::new(0.5, 10).check().unwrap().fit(&DatasetBase::from(rows)).unwrap();
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!((found.clusters(), found.cores(), found.labels()[0], found.labels()[19_999]), (1, 1, Some(0), None));
    assert_eq!((found.assign(&[0.1, 0.0, -0.0]), found.assign(&[0.6, 0.0, 0.0])), (Some(0), None));
    assert_eq!((found.assign(&[f64::NAN, 0.0, 0.0]), found.assign(&[0.0])), (None, None));
    let stored = serde_json::to_string(&found).unwrap();
    let read: Dbscan = serde_json::from_str(&stored).unwrap();
    assert_eq!((read.assign(&[0.1, 0.0, 0.0]), read.labels()), (Some(0), found.labels()));
}

#[test]
fn agreement_is_as_published() {
    assert!((adjusted_rand_index(&[0, 0, 1, 1], &[1, 1, 0, 0]) - 1.0).abs() < 1e-12);
    // scikit-learn's documentation.
    assert!((adjusted_rand_index(&[0, 0, 1, 2], &[0, 0, 1, 1]) - 0.571_428_571).abs() < 1e-6);
    assert!((adjusted_rand_index(&[0, 0, 0, 0], &[0, 1, 2, 3])).abs() < 1e-12);
    assert!((adjusted_rand_index::<u8>(&[], &[]) - 1.0).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn dbscan_is_its_definition(
        points in prop::collection::vec((0_i8..14, 0_i8..14), 1..120), reach in 1_u8..5, min_points in 1_usize..8,
    ) {
        let flat = points.iter().flat_map(|&(x, y)| [f64::from(x), f64::from(y)]).collect();
        let rows = Array2::from_shape_vec((points.len(), 2), flat).unwrap();
        let reach = f64::from(reach) * 0.5;
        let found = DbscanParams::new(reach, min_points).check().unwrap().fit(&DatasetBase::from(rows.clone())).unwrap();
        prop_assert_eq!(found.labels(), dbscan_by_definition(&rows, reach, min_points));
        for (row, label) in rows.rows().into_iter().zip(found.labels()) {
            // A row of the fit that is placed again stands in a cluster when it stood in one.
            prop_assert_eq!(found.assign(&row.to_vec()).is_some(), label.is_some());
        }
    }

    /// Nobody is closer to another centroid than to their own, and centroids are means: Lloyd's fixed point.
    #[test]
    fn a_fit_is_a_fixed_point_of_lloyds_rule(
        points in prop::collection::vec((-50_i16..50, -50_i16..50, 0_i16..9), 1..300), clusters in 1_usize..12, seed in any::<u64>(),
    ) {
        let flat = points.iter().flat_map(|&(x, y, z)| [f64::from(x), f64::from(y), f64::from(z)]).collect();
        let rows = Array2::from_shape_vec((points.len(), 3), flat).unwrap();
        let params = KMeansParams::new(clusters).runs(2).tolerance(0.0).seed(seed);
        let found = params.check().unwrap().fit(&DatasetBase::from(rows.clone())).unwrap();
        prop_assert!(found.centroids().len() <= clusters && found.sizes().iter().all(|size| *size > 0));
        let labels: Array1<usize> = found.predict(&rows);
        for (cluster, centroid) in found.centroids().iter().enumerate() {
            let members: Vec<_> = rows.rows().into_iter().zip(&labels).filter(|(_, own)| **own == cluster).collect();
            prop_assert_eq!(members.len() as u64, found.sizes()[cluster]);
            for column in 0..3 {
                let mean = members.iter().map(|(row, _)| row[column]).sum::<f64>() / members.len() as f64;
                prop_assert!((mean - centroid[column]).abs() < 1e-6, "{} {}", mean, centroid[column]);
            }
        }
    }
}
