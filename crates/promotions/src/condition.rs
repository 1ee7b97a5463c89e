//! When a rule holds: a tree over the basket at its shelf price, the customer, the store and the time.

use domain::segment::{BasketSize, Habit, Presence};
use domain::{Amount, CampaignId, CategoryId, CustomerId, SegmentName, Sku, StoreId};
use serde::{Deserialize, Serialize};

use crate::campaign::Schedule;

/// A tree. In JSON each node is one key with its content (`{"all": [...]}`), or a bare word (`"first_purchase"`).
///
/// Everything about a customer is false of a stranger. Charges (lines that are not offerable) count for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Each holds; with none it always holds.
    All(Vec<Condition>),
    /// One holds.
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// The selected lines together at their shelf price.
    Subtotal(AmountRange),
    /// Units of the selected lines.
    Quantity(CountRange),
    /// Different products among the selected lines.
    Distinct(CountRange),
    /// One unit at least is in the basket.
    Has(Selector),
    CustomerKnown,
    Customers(Vec<CustomerId>),
    Segment(SegmentTest),
    /// Purchases before this one.
    Visits(Between),
    /// A known customer who has not bought before.
    FirstPurchase,
    /// Their birthday is no further off than this.
    Birthday(WithinDays),
    /// Days of the store's calendar since the purchase before.
    DaysSinceLastPurchase(Between),
    Stores(Vec<StoreId>),
    Schedule(Schedule),
    /// The customer uses a card.
    CardUsed,
    /// A code of that campaign was presented, and is theirs and in time.
    CouponOf(CampaignId),
}

impl Default for Condition {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

/// Inclusive at both ends, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AmountRange {
    pub of: Selector,
    pub at_least: Option<Amount>,
    pub at_most: Option<Amount>,
}

/// Inclusive at both ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CountRange {
    pub of: Selector,
    pub at_least: Option<u32>,
    pub at_most: Option<u32>,
}

/// Inclusive at both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Between {
    pub at_least: Option<u32>,
    pub at_most: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithinDays {
    /// 0 is the day itself.
    pub within_days: u16,
}

/// Which lines are meant: those of a listed product **or** category (with neither list: all), within the prices, and
/// not among the exclusions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<Sku>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryId>,
    #[serde(skip_serializing_if = "Exclusions::is_empty")]
    pub not: Exclusions,
    /// Inclusive, of one unit, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_unit_price: Option<Amount>,
    /// Inclusive, of one unit, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unit_price: Option<Amount>,
}

/// Lines of a listed product or category are not meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exclusions {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skus: Vec<Sku>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryId>,
}

impl Exclusions {
    fn is_empty(&self) -> bool {
        self.skus.is_empty() && self.categories.is_empty()
    }
}

/// Which segments are meant, by the parts of their names: models come and go, these words stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentTest {
    /// Those who have not bought yet are meant as well.
    pub newcomers: bool,
    /// Empty is any; with all three empty only newcomers are meant.
    pub presence: Vec<Presence>,
    pub habit: Vec<Habit>,
    pub basket: Vec<BasketSize>,
}

impl SegmentTest {
    #[must_use]
    pub fn covers(&self, segment: &SegmentName) -> bool {
        fn lists<T: PartialEq>(listed: &[T], value: &T) -> bool {
            listed.is_empty() || listed.contains(value)
        }
        match segment {
            SegmentName::Newcomers => self.newcomers,
            SegmentName::Profile { presence, habit, basket, .. } => {
                self.names_profiles()
                    && lists(&self.presence, presence)
                    && lists(&self.habit, habit)
                    && lists(&self.basket, basket)
            }
        }
    }

    pub(crate) fn names_profiles(&self) -> bool {
        !(self.presence.is_empty() && self.habit.is_empty() && self.basket.is_empty())
    }
}
