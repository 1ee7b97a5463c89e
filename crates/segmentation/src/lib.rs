#![doc = include_str!("../README.md")]

mod cluster;
pub mod clustering;
pub mod clv;
mod components;
mod describe;
mod drift;
mod features;
mod identity;
mod model;
mod naming;
mod niches;
mod prospects;
mod stability;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::SegmentMethod;
use serde::{Deserialize, Serialize};

pub use components::Leading;
pub use model::{Divided, Model, Report, Segment, fit, refit};
pub use niches::Niches;
pub use prospects::{Origin, Prospects};

/// What is known of one customer at one moment. One definition each:
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Days since the last purchase, not negative.
    pub recency_days: f64,
    /// Purchases so far; 0 is a newcomer and needs no model.
    pub frequency: u32,
    /// Minor units paid so far, returns taken off.
    pub monetary: f64,
    /// Minor units a purchase on average.
    pub average_order: f64,
    /// Spend by category id; need not be normalised, order does not matter.
    pub composition: Vec<(String, f64)>,
}

/// How a fit is made; [`Params::check`] makes it usable.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// What divides customers.
    pub method: SegmentMethod,
    /// The fewest and the most segments of K-Means beside the newcomers; the same twice for so many.
    pub segments: (usize, usize),
    /// Below this many customers with a purchase there is no fit.
    pub min_samples: usize,
    /// Categories that the composition's components are made of: the strongest of the fit.
    pub top_categories: usize,
    /// K-Means starts; the best one counts.
    pub runs: usize,
    /// Customers that the silhouette looks at (its cost is quadratic).
    pub silhouette_sample: usize,
    /// Titles of the categories by id, for names; an id without one is its own title.
    pub titles: BTreeMap<String, String>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            method: SegmentMethod::KMeans,
            segments: (3, 8),
            min_samples: 20,
            top_categories: 16,
            runs: 10,
            silhouette_sample: 800,
            titles: BTreeMap::new(),
        }
    }
}

/// Checked [`Params`].
#[derive(Clone, Debug)]
pub struct Rules(Params);

/// Told how many of how many steps of a fit are done; breaks to call it off.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

impl Params {
    /// # Errors
    /// [`FitError::Params`] when a number makes no sense.
    pub fn check(self) -> Result<Rules, FitError> {
        let (few, many) = self.segments;
        if few == 0 || few > many || many > 64 {
            return Err(FitError::Params("segments go from 1 to at most 64"));
        }
        if self.min_samples == 0 || self.runs == 0 || self.silhouette_sample < 2 {
            return Err(FitError::Params("samples and runs begin at one, the silhouette at two"));
        }
        if self.top_categories > 256 {
            return Err(FitError::Params("at most 256 categories"));
        }
        Ok(Rules(self))
    }
}

/// The segment that a customer belongs to, by its index in the model; 0 is newcomers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub segment: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    #[error("segments need at least {needed} customers with a purchase, and there are {found}")]
    TooFew { found: usize, needed: usize },
    #[error("these parameters make no sense: {0}")]
    Params(&'static str),
    #[error("density sees no crowd among these customers: divide them by K-Means")]
    NoNiches,
    #[error("the fit was called off")]
    Cancelled,
    #[error(transparent)]
    Clustering(#[from] clustering::ClusterError),
}

#[cfg(test)]
mod tests;
