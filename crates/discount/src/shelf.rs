//! How much of their prices the products of a shop could give.

use std::collections::BTreeMap;

use domain::{Amount, CategoryId, MarginFloor, Rate};
use serde::{Deserialize, Serialize};

/// The headroom of the catalogue: what share of its price a product has above its floor, summed up once per catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// Half of all products have at least this much.
    pub basket: Rate,
    /// Three quarters of a category's products have at least this much.
    pub categories: BTreeMap<CategoryId, Rate>,
}

impl Shelf {
    /// Of category, price and cost of every product that is offered and whose cost is known.
    #[must_use]
    pub fn of(products: impl IntoIterator<Item = (CategoryId, Amount, Amount)>, floor: MarginFloor) -> Self {
        let mut all = Vec::new();
        let mut categories: BTreeMap<CategoryId, Vec<Rate>> = BTreeMap::new();
        for (category, price, cost) in products {
            let share = headroom_share(price, Some(cost), floor);
            all.push(share);
            categories.entry(category).or_default().push(share);
        }
        let categories = categories.into_iter().map(|(id, shares)| (id, quantile(shares, 4))).collect();
        Self { basket: quantile(all, 2), categories }
    }
}

/// The highest rate that keeps one unit at or above its floor, in whole basis points; zero with no known cost.
pub(crate) fn headroom_share(price: Amount, cost: Option<Amount>, floor: MarginFloor) -> Rate {
    let headroom = floor.headroom(price, cost, 1).min(price);
    if price.minor() <= 0 || headroom.minor() <= 0 {
        return Rate::ZERO;
    }
    let share = i128::from(headroom.minor()) * i128::from(Rate::WHOLE.bp()) / i128::from(price.minor());
    Rate(u32::try_from(share).unwrap_or(0))
}

/// The lower 1/`parts` quantile; zero of nothing.
fn quantile(mut shares: Vec<Rate>, parts: usize) -> Rate {
    shares.sort_unstable();
    shares.get(shares.len().saturating_sub(1) / parts).copied().unwrap_or(Rate::ZERO)
}
