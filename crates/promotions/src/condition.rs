//! When a rule holds: a tree over the basket at its shelf price, the customer, the store and the time.

use domain::segment::{BasketSize, Habit, Presence};
use domain::{Amount, CampaignId, CategoryId, CustomerId, SegmentName, Sku, StoreId};
use serde::{Deserialize, Serialize};

use crate::campaign::Schedule;

/// A tree. In JSON each node is one key with its content (`{"all": [...]}`), or a bare word (`"first_purchase"`).
///
/// Everything about a customer is false of a stranger. Charges (lines that are not offerable) count for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "S: Deserialize<'de> + Default"))]
pub enum Condition<S = Selector> {
    /// Each holds; with none it always holds.
    All(Vec<Condition<S>>),
    /// One holds.
    Any(Vec<Condition<S>>),
    Not(Box<Condition<S>>),
    /// The selected lines together at their shelf price.
    Subtotal(AmountRange<S>),
    /// Units of the selected lines.
    Quantity(CountRange<S>),
    /// Different products among the selected lines.
    Distinct(CountRange<S>),
    /// One unit at least is in the basket.
    Has(S),
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

impl<S> Default for Condition<S> {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl<S> Condition<S> {
    /// The same tree with every selector made into something else.
    pub(crate) fn select<T>(&self, with: &mut dyn FnMut(&S) -> T) -> Condition<T> {
        match self {
            Self::All(parts) => Condition::All(parts.iter().map(|part| part.select(with)).collect()),
            Self::Any(parts) => Condition::Any(parts.iter().map(|part| part.select(with)).collect()),
            Self::Not(part) => Condition::Not(Box::new(part.select(with))),
            Self::Subtotal(AmountRange { of, at_least, at_most }) => {
                Condition::Subtotal(AmountRange { of: with(of), at_least: *at_least, at_most: *at_most })
            }
            Self::Quantity(range) => Condition::Quantity(range.select(with)),
            Self::Distinct(range) => Condition::Distinct(range.select(with)),
            Self::Has(of) => Condition::Has(with(of)),
            Self::CustomerKnown => Condition::CustomerKnown,
            Self::Customers(ids) => Condition::Customers(ids.clone()),
            Self::Segment(test) => Condition::Segment(test.clone()),
            Self::Visits(between) => Condition::Visits(*between),
            Self::FirstPurchase => Condition::FirstPurchase,
            Self::Birthday(within) => Condition::Birthday(*within),
            Self::DaysSinceLastPurchase(between) => Condition::DaysSinceLastPurchase(*between),
            Self::Stores(ids) => Condition::Stores(ids.clone()),
            Self::Schedule(schedule) => Condition::Schedule(schedule.clone()),
            Self::CardUsed => Condition::CardUsed,
            Self::CouponOf(campaign) => Condition::CouponOf(*campaign),
        }
    }

    /// Every schedule that it asks for.
    pub(crate) fn schedules<'a>(&'a self, found: &mut Vec<&'a Schedule>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.schedules(found)),
            Self::Not(part) => part.schedules(found),
            Self::Schedule(schedule) => found.push(schedule),
            // Of the clock's, they know the date only.
            Self::Birthday(_) | Self::DaysSinceLastPurchase(_) => {}
            Self::Subtotal(_)
            | Self::Quantity(_)
            | Self::Distinct(_)
            | Self::Has(_)
            | Self::CustomerKnown
            | Self::Customers(_)
            | Self::Segment(_)
            | Self::Visits(_)
            | Self::FirstPurchase
            | Self::Stores(_)
            | Self::CardUsed
            | Self::CouponOf(_) => {}
        }
    }

    /// Whether it looks at who the customer is: then what it allows is personal (law 2, law 7).
    pub(crate) fn is_personal(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_personal),
            Self::Not(part) => part.is_personal(),
            Self::CustomerKnown
            | Self::Customers(_)
            | Self::Segment(_)
            | Self::Visits(_)
            | Self::FirstPurchase
            | Self::Birthday(_)
            | Self::DaysSinceLastPurchase(_)
            | Self::CardUsed => true,
            Self::Subtotal(_)
            | Self::Quantity(_)
            | Self::Distinct(_)
            | Self::Has(_)
            | Self::Stores(_)
            | Self::Schedule(_)
            | Self::CouponOf(_) => false,
        }
    }
}

impl<S> CountRange<S> {
    fn select<T>(&self, with: &mut dyn FnMut(&S) -> T) -> CountRange<T> {
        CountRange { of: with(&self.of), at_least: self.at_least, at_most: self.at_most }
    }
}

/// Inclusive at both ends, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AmountRange<S = Selector> {
    pub of: S,
    pub at_least: Option<Amount>,
    pub at_most: Option<Amount>,
}

/// Inclusive at both ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CountRange<S = Selector> {
    pub of: S,
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
    /// Those who are like no crowd are meant as well: there are some where segments are found by density.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
    /// Empty is any; with all three empty only newcomers and those apart are meant, if they are.
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
            SegmentName::Newcomers | SegmentName::Prospects { .. } => self.newcomers,
            SegmentName::Apart => self.apart,
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
