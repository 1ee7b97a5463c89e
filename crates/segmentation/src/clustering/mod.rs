//! Clusters of rows, behind linfa's traits: [`KMeans`] for segments of everybody, [`Dbscan`] for who stands apart and for
//! dense niches. One thread; the same rows in the same order, with the same seed, give the same answer.
//!
//! linfa-clustering is what both are checked against in the tests.

mod agreement;
mod dbscan;
mod kd_tree;
mod kmeans;

pub use agreement::adjusted_rand_index;
pub use dbscan::{Dbscan, DbscanParams, DbscanRules};
pub use kmeans::{KMeans, KMeansParams, KMeansRules};

use ndarray::{ArrayBase, Data, Ix2};

/// Why rows cannot be clustered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    #[error("these parameters make no sense: {0}")]
    Params(&'static str),
    #[error("there are {rows} rows, fewer than the {needed} that are needed")]
    TooFew { rows: usize, needed: usize },
    #[error("row {row}, column {column}: not a finite number")]
    NotFinite { row: usize, column: usize },
    #[error("{0}")]
    Linfa(String),
}

impl From<linfa::Error> for ClusterError {
    fn from(error: linfa::Error) -> Self {
        Self::Linfa(error.to_string())
    }
}

/// Rows one after the other, checked.
struct Rows {
    flat: Vec<f64>,
    count: usize,
    width: usize,
}

impl Rows {
    fn of<D: Data<Elem = f64>>(records: &ArrayBase<D, Ix2>) -> Result<Self, ClusterError> {
        Self::new(records.iter().copied().collect(), records.ncols())
    }

    /// Row after row; what is left over at the end is no row.
    fn new(mut flat: Vec<f64>, width: usize) -> Result<Self, ClusterError> {
        let count = flat.len().checked_div(width).unwrap_or(0);
        flat.truncate(count * width);
        if let Some(at) = flat.iter().position(|x| !x.is_finite()) {
            return Err(ClusterError::NotFinite { row: at / width, column: at % width });
        }
        Ok(Self { flat, count, width })
    }

    fn row(&self, n: usize) -> &[f64] {
        &self.flat[n * self.width..(n + 1) * self.width]
    }
}

/// Squared Euclidean distance.
fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

#[cfg(test)]
mod tests;
