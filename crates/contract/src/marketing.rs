//! Marketing: the segments, and what the discounts left of the margin.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Amount, Currency, Locale, Rate, SegmentName};
use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::staff::StaffCaller;

#[async_trait]
pub trait MarketingApi: Send + Sync {
    /// The segments of the model in use, over all recorded purchases; categories by their titles in `locale`.
    ///
    /// # Errors
    /// `forbidden` without the role.
    async fn segments(&self, caller: &StaffCaller, locale: Locale) -> Result<SegmentDashboard, Refusal>;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentDashboard {
    pub currency: Currency,
    /// `None` before the first fit.
    pub model: Option<ModelSummary>,
    pub customers: u64,
    pub revenue: Amount,
    pub discount: Amount,
    pub rows: Vec<SegmentRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    pub version: u32,
    pub fitted_at: DateTime<Utc>,
    /// Customers that the fit saw.
    pub samples: u64,
    /// Mean silhouette of the fit: -1 to 1, higher is better separated.
    pub silhouette: f64,
}

/// One segment. Money is over the purchases of its present members; recency is against the newest purchase known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentRow {
    pub name: SegmentName,
    pub size: u64,
    /// Medians of the members.
    pub recency_days: f64,
    pub frequency: f64,
    pub monetary: Amount,
    pub average_basket: Amount,
    /// Sum of what members paid.
    pub revenue: Amount,
    /// Discount over revenue before discount.
    pub average_discount: Rate,
    /// (revenue - cost) over revenue, in basis points, over lines whose cost is known; `None` where none is, negative
    /// when sold below cost.
    pub margin_after_discount_bp: Option<i64>,
    /// The three strongest categories of what members buy, with their shares of spend.
    pub composition: Vec<(String, Rate)>,
}
