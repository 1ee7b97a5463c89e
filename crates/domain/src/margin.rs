//! The margin floor (law 2): no stack of discounts brings a line under `cost x (1 + min_margin)` or under zero.

use serde::{Deserialize, Serialize};

use crate::{Amount, Rate};

/// How far above its cost a product must be sold whenever a discount is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginFloor {
    pub min_margin: Rate,
}

/// The lowest price of one unit, rounded up; `None` where no cost is known: then nothing personal may be given.
#[must_use]
pub fn floor_price(cost: Option<Amount>, floor: MarginFloor) -> Option<Amount> {
    cost.map(|cost| floor.min_margin.on_top_of(cost))
}

impl MarginFloor {
    /// The most that may come off a line of `quantity` units: zero with no known cost, and never negative.
    #[must_use]
    pub fn headroom(self, unit_price: Amount, cost: Option<Amount>, quantity: u32) -> Amount {
        match floor_price(cost, self) {
            Some(floor) => (unit_price - floor).max(Amount::ZERO).times(quantity),
            None => Amount::ZERO,
        }
    }
}
