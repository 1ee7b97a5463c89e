//! Marketing: the segments, and what the discounts left of the margin.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::segment::{Division, Drift};
use domain::{Amount, Currency, Locale, Rate, SegmentMethod, SegmentName};
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

    /// What is bought together, over the baskets of the last year; products and categories by their names in `locale`.
    /// `None` before it was worked out.
    ///
    /// # Errors
    /// `forbidden` without the role.
    async fn together(&self, caller: &StaffCaller, locale: Locale) -> Result<Option<BoughtTogether>, Refusal>;

    /// Says how the next fit divides customers. The segments in use stay until then.
    ///
    /// # Errors
    /// `forbidden` without the role, `segment-count` for a number of segments that cannot be.
    async fn divide(&self, caller: &StaffCaller, division: Division) -> Result<(), Refusal>;

    /// Begins to fit the segments anew, and does not wait for the end: the dashboard says how far it is, and why there was none.
    ///
    /// # Errors
    /// `forbidden` without the role.
    async fn begin_fit(&self, caller: &StaffCaller) -> Result<(), Refusal>;

    /// Asks the fit that is running here to end; where none is, nothing happens. Before its model is in use it changes
    /// nothing then, after that it finishes.
    ///
    /// # Errors
    /// `forbidden` without the role.
    async fn stop_fit(&self, caller: &StaffCaller) -> Result<(), Refusal>;
}

/// Rules of baskets: those that sell most beyond chance first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoughtTogether {
    pub made_at: DateTime<Utc>,
    /// The oldest basket that was looked at.
    pub since: DateTime<Utc>,
    pub baskets: u64,
    pub products: Vec<TogetherRule>,
    pub categories: Vec<TogetherRule>,
}

/// Who has `seen` in the basket has `expected` as well, so often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TogetherRule {
    pub seen: Vec<String>,
    pub expected: Vec<String>,
    /// Baskets with both.
    pub baskets: u64,
    /// Of all baskets.
    pub support: Rate,
    /// Of the baskets with what is seen, those with what is expected.
    pub confidence: Rate,
    /// Of all baskets, those with what is expected.
    pub expected_anyway: Rate,
    /// How many times as often both meet as by chance.
    pub lift: f64,
}

/// A fit that is running in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FitProgress {
    pub stage: FitStage,
    /// Customers, or numbers of segments tried.
    pub done: u64,
    /// Of so many; 0 while that is not known.
    pub of: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FitStage {
    Reading,
    Learning,
    Placing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentDashboard {
    pub currency: Currency,
    /// `None` before the first fit.
    pub model: Option<ModelSummary>,
    /// What the next fit goes by.
    pub division: Division,
    /// While the segments are fitted anew.
    pub fitting: Option<FitProgress>,
    /// Why the last fit that was begun from here came to nothing.
    pub fit_refused: Option<Refusal>,
    pub customers: u64,
    pub revenue: Amount,
    pub discount: Amount,
    pub rows: Vec<SegmentRow>,
    /// How good the forecast of `SegmentRow::worth` is; `None` where there is none, or the history is too short to tell.
    pub lifetime: Option<LifetimeAccuracy>,
    /// By which store's link customers registered.
    pub ways_in: Vec<WayIn>,
    /// Who was sent by another customer.
    pub invited: Registered,
}

/// A store's link for posters, and who registered by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayIn {
    pub store: String,
    /// From the shop's address on.
    pub path: String,
    pub registered: Registered,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    pub customers: u64,
    /// Of them, who has bought since.
    pub bought: u64,
}

/// Means over the members of a segment, for twelve months from now: BG/NBD and Gamma-Gamma.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentWorth {
    /// How many of them are still customers.
    pub alive: Rate,
    pub purchases: f64,
    /// At the margin and today's value.
    pub value: Amount,
    /// The segment foretold better by itself than with everybody, and so has a model of its own.
    pub is_own: bool,
}

/// Purchases of the last quarter of the history, foretold from the rest: the mean absolute error a customer, beside that of
/// everybody going on as before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifetimeAccuracy {
    pub weeks: f64,
    pub error: f64,
    pub error_of_rates: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    pub version: u32,
    pub fitted_at: DateTime<Utc>,
    /// Customers that the fit saw.
    pub samples: u64,
    pub method: SegmentMethod,
    /// Mean silhouette of the fit: -1 to 1, higher is better separated.
    pub silhouette: f64,
    /// How far these segments are found again among customers drawn again: 1 is always.
    pub stability: Option<f64>,
    /// How far customers were from those of the fit before: population stability indices; `None` for the first fit.
    pub drift: Option<Drift>,
    /// What tells orders apart, strongest first.
    pub leading: Vec<LeadingComponent>,
    /// How the other method divides the same customers; `None` where they are too few to tell.
    pub beside: Option<OtherDivision>,
    /// What is expected of newcomers; `None` where their origin says nothing.
    pub prospects: Option<ProspectsSummary>,
}

/// What the segment of newcomers is foretold from: customers with a known store, hour and inviter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProspectsSummary {
    pub customers: u64,
    /// How many times as likely as usual the segment was held that customers then came to, who had not been learned from.
    pub times: f64,
}

/// Niches by DBSCAN beside segments by K-Means, or the other way round, as of the model's fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherDivision {
    pub method: SegmentMethod,
    /// In order of revenue, the first of them; of so many that were found.
    pub groups: Vec<GroupRow>,
    pub found: u32,
    /// Who belongs to none.
    pub apart: Option<GroupRow>,
    /// How far both agree about those who are in a niche: adjusted Rand index.
    pub agreement: f64,
    /// Mean silhouette of who is in a group.
    pub silhouette: f64,
}

/// Medians of the members, and the sum of what they paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRow {
    pub name: SegmentName,
    pub size: u64,
    pub recency_days: f64,
    pub frequency: f64,
    pub average_basket: Amount,
    pub revenue: Amount,
}

/// Who buys more of some categories buys less of the others, by their titles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadingComponent {
    /// What it explains of how the shares of categories vary.
    pub explained: Rate,
    pub more: Vec<String>,
    pub less: Vec<String>,
}

/// How and when the members of a segment buy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentHabits {
    /// Median days from one visit to the next of who came more than once, and the median of their standard deviations.
    pub gap_days: Option<f64>,
    pub gap_spread_days: Option<f64>,
    /// Visits with a discount.
    pub discounted: Rate,
    /// What was paid back for goods, of all that was paid for them.
    pub returned: Rate,
    /// The hour around which visits lie, 0 to 24 in the store's time; `None` where they lie all around the clock.
    pub hour: Option<f64>,
    /// The day of the week around which visits lie, 0 is Monday; `None` where they lie all over the week.
    pub weekday: Option<u8>,
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
    /// What a member is worth from now on, on average; `None` where there is no forecast.
    pub worth: Option<SegmentWorth>,
    pub habits: SegmentHabits,
    /// The three strongest categories of what members buy, with their shares of spend.
    pub composition: Vec<(String, Rate)>,
}
