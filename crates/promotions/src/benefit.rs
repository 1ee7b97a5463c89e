//! What a rule gives. Every kind works on whole lines and counts of units: the work does not grow with the quantity.

use domain::{Amount, Rate, Sku};
use serde::{Deserialize, Serialize};

use crate::condition::Selector;

/// In JSON one key with its content: `{"percentage": {"rate_bp": 1000, "of": {"categories": ["coffee"]}}}`.
///
/// A unit that one benefit has used for a deal (cheapest, bundle, buy-x-get-y) is no part of another deal of the same rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Benefit {
    /// A rate of the selected lines' sum, rounded once (half up) and shared out exactly.
    Percentage {
        #[serde(rename = "rate_bp")]
        rate: Rate,
        #[serde(default)]
        of: Selector,
    },
    /// An amount off the selected lines together, shared out in proportion.
    AmountOff {
        amount: Amount,
        #[serde(default)]
        of: Selector,
    },
    /// An amount off every selected unit.
    AmountOffEach {
        amount: Amount,
        #[serde(default)]
        of: Selector,
    },
    /// Every selected unit at this price, where it is not cheaper already (law 3).
    FixedPrice {
        price: Amount,
        #[serde(default)]
        of: Selector,
    },
    /// One unit set (so many of each slot) at this price, as often as the basket has it and it is worth it. The dearest
    /// units are taken first.
    Bundle {
        slots: Vec<Slot>,
        price: Amount,
        #[serde(default)]
        at_most: Option<u32>,
    },
    /// For every `buy` units, `get` units at the rate off (10,000 is free): the cheapest that may be had, whole deals only.
    BuyXGetY {
        buy: Slot,
        get: Slot,
        #[serde(rename = "rate_bp")]
        rate: Rate,
        #[serde(default)]
        at_most: Option<u32>,
    },
    /// A rate off the cheapest units of the selected lines.
    Cheapest(Pick),
    /// A rate off the dearest units of the selected lines.
    MostExpensive(Pick),
    /// The highest step that the selected lines reach at their shelf price.
    Tiers {
        by: TierBy,
        #[serde(default)]
        of: Selector,
        steps: Vec<Step>,
    },
    /// Units of one product for nothing. What is missing in the basket the till is asked to add.
    FreeItem { sku: Sku, quantity: u32 },
}

/// So many units of what is selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    #[serde(default)]
    pub of: Selector,
    pub quantity: u32,
}

/// A rate off `units` units, once; or, with `of_every`, off so many of every that many selected ("the cheapest of
/// every three").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    pub units: u32,
    #[serde(default)]
    pub of_every: Option<u32>,
    #[serde(rename = "rate_bp")]
    pub rate: Rate,
    #[serde(default)]
    pub of: Selector,
}

/// What the steps of a tier count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierBy {
    /// Minor units at shelf price.
    Amount,
    /// Units.
    Quantity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Reached at this, inclusive.
    pub from: i64,
    pub off: Off,
}

/// What a step takes off the selected lines together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    RateBp(Rate),
    Amount(Amount),
}
