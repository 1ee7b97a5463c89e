//! What a rule gives. Every kind works on whole lines and counts of units: the work does not grow with the quantity.

use domain::{Amount, Rate, Sku};
use serde::{Deserialize, Serialize};

use crate::condition::Selector;

/// In JSON one key with its content: `{"percentage": {"rate_bp": 1000, "of": {"categories": ["coffee"]}}}`.
///
/// A unit that one benefit has used for a deal (cheapest, bundle, buy-x-get-y) is no part of another deal of the same rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Benefit<S = Selector> {
    /// A rate of the selected lines' sum, rounded once (half up) and shared out exactly.
    Percentage {
        #[serde(rename = "rate_bp")]
        rate: Rate,
        #[serde(default)]
        of: S,
    },
    /// An amount off the selected lines together, shared out in proportion.
    AmountOff {
        amount: Amount,
        #[serde(default)]
        of: S,
    },
    /// An amount off every selected unit.
    AmountOffEach {
        amount: Amount,
        #[serde(default)]
        of: S,
    },
    /// Every selected unit at this price, where it is not cheaper already (law 3).
    FixedPrice {
        price: Amount,
        #[serde(default)]
        of: S,
    },
    /// One unit set (so many of each slot) at this price, as often as the basket has it and it is worth it. The dearest
    /// units are taken first.
    Bundle {
        slots: Vec<Slot<S>>,
        price: Amount,
        #[serde(default)]
        at_most: Option<u32>,
    },
    /// For every `buy` units, `get` units at the rate off (10,000 is free): the cheapest that may be had, whole deals only.
    BuyXGetY {
        buy: Slot<S>,
        get: Slot<S>,
        #[serde(rename = "rate_bp")]
        rate: Rate,
        #[serde(default)]
        at_most: Option<u32>,
    },
    /// A rate off the cheapest units of the selected lines.
    Cheapest(Pick<S>),
    /// A rate off the dearest units of the selected lines.
    MostExpensive(Pick<S>),
    /// The highest step that the selected lines reach at their shelf price.
    Tiers {
        by: TierBy,
        #[serde(default)]
        of: S,
        steps: Vec<Step>,
    },
    /// Units of one product for nothing. What is missing in the basket the till is asked to add.
    FreeItem { sku: Sku, quantity: u32 },
}

impl<S> Benefit<S> {
    /// The same benefit with every selector made into something else.
    pub(crate) fn select<T>(&self, with: &mut dyn FnMut(&S) -> T) -> Benefit<T> {
        match self {
            Self::Percentage { rate, of } => Benefit::Percentage { rate: *rate, of: with(of) },
            Self::AmountOff { amount, of } => Benefit::AmountOff { amount: *amount, of: with(of) },
            Self::AmountOffEach { amount, of } => Benefit::AmountOffEach { amount: *amount, of: with(of) },
            Self::FixedPrice { price, of } => Benefit::FixedPrice { price: *price, of: with(of) },
            Self::Bundle { slots, price, at_most } => {
                let slots = slots.iter().map(|slot| slot.select(with)).collect();
                Benefit::Bundle { slots, price: *price, at_most: *at_most }
            }
            Self::BuyXGetY { buy, get, rate, at_most } => {
                let (buy, get) = (buy.select(with), get.select(with));
                Benefit::BuyXGetY { buy, get, rate: *rate, at_most: *at_most }
            }
            Self::Cheapest(pick) => Benefit::Cheapest(pick.select(with)),
            Self::MostExpensive(pick) => Benefit::MostExpensive(pick.select(with)),
            Self::Tiers { by, of, steps } => Benefit::Tiers { by: *by, of: with(of), steps: steps.clone() },
            Self::FreeItem { sku, quantity } => Benefit::FreeItem { sku: sku.clone(), quantity: *quantity },
        }
    }

    /// The lines that it can make cheaper; `None` where it has an effect without any.
    pub(crate) fn targets(&self) -> Option<Vec<&S>> {
        match self {
            Self::Percentage { of, .. }
            | Self::AmountOff { of, .. }
            | Self::AmountOffEach { of, .. }
            | Self::FixedPrice { of, .. }
            | Self::Cheapest(Pick { of, .. })
            | Self::MostExpensive(Pick { of, .. })
            | Self::Tiers { of, .. } => Some(vec![of]),
            Self::Bundle { slots, .. } => Some(slots.iter().map(|slot| &slot.of).collect()),
            Self::BuyXGetY { get, .. } => Some(vec![&get.of]),
            Self::FreeItem { .. } => None,
        }
    }
}

impl<S> Slot<S> {
    fn select<T>(&self, with: &mut dyn FnMut(&S) -> T) -> Slot<T> {
        Slot { of: with(&self.of), quantity: self.quantity }
    }
}

impl<S> Pick<S> {
    fn select<T>(&self, with: &mut dyn FnMut(&S) -> T) -> Pick<T> {
        Pick { units: self.units, of_every: self.of_every, rate: self.rate, of: with(&self.of) }
    }
}

/// So many units of what is selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot<S = Selector> {
    #[serde(default)]
    pub of: S,
    pub quantity: u32,
}

/// A rate off `units` units, once; or, with `of_every`, off so many of every that many selected ("the cheapest of
/// every three").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pick<S = Selector> {
    pub units: u32,
    #[serde(default)]
    pub of_every: Option<u32>,
    #[serde(rename = "rate_bp")]
    pub rate: Rate,
    #[serde(default)]
    pub of: S,
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
