//! Customers -> segments named in words: RFM, average order value and order composition, K-Means, a deterministic name.
//!
//! Pure: no clock, no I/O; the seed is an argument.

use serde::{Deserialize, Serialize};

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

/// The segment that a customer belongs to, by its index in the model; 0 is newcomers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub segment: u16,
}
