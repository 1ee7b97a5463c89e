//! What shoppers of a world are like.

use domain::{Amount, MarginFloor, Rate};
use serde::{Deserialize, Serialize};

/// A trait that differs from one shopper to the next: normal, and where below zero makes no sense zero instead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    pub mean: f64,
    pub deviation: f64,
}

/// What is sold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub sku: String,
    pub category: String,
    /// Minor units.
    pub price: Amount,
    pub cost: Amount,
    /// How much of it everybody takes beside other things; tastes spread around it.
    pub popularity: f64,
}

/// The parameter file of a world. Rates are counted in tenths here: one is a discount of ten percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Truth {
    pub menu: Vec<Item>,
    /// No thing is sold under its cost and so much on top, in basis points of the cost, whatever rate is on offer.
    pub min_margin_bp: u32,
    /// Log-odds of coming in a week without a discount, habit or season.
    pub visits: Spread,
    /// Log-odds that ten percent give; never below zero.
    pub response: Spread,
    /// The share of shoppers whom no discount moves.
    pub deaf: f64,
    /// By how much ten percent make what is bought more; 0.1 is a tenth more things.
    pub larger: f64,
    /// Things beside the first that are bought in a visit, on average.
    pub more: Spread,
    /// How far a shopper's tastes are from everybody's: the deviation of the logarithm of what they take of an item.
    pub taste: f64,
    /// Log-odds that a full habit gives, and how much of a habit stays from week to week.
    pub habit: f64,
    pub habit_keeps: f64,
    /// Log-odds lost in the week after a visit.
    pub satiation: f64,
    /// How much of the remembered rate stays from week to week, and the log-odds that a rate ten percent under it costs.
    pub memory_keeps: f64,
    pub disappointment: f64,
    /// The share of shoppers who wait where waiting was rewarded, and the log-odds that ten percent to be gained by it cost.
    pub strategic: f64,
    pub patience: f64,
    /// The probability a week of leaving for good, without any habit; with a full one nobody does.
    pub leaving: f64,
    /// The season: log-odds at its height, and the week of the year in which that is.
    pub season: f64,
    pub season_week: f64,
}

impl Default for Truth {
    /// A café whose guests differ in how far a discount moves them.
    fn default() -> Self {
        let item = |sku: &str, category: &str, price, cost, popularity| Item {
            sku: sku.to_owned(),
            category: category.to_owned(),
            price: Amount(price),
            cost: Amount(cost),
            popularity,
        };
        Self {
            menu: vec![
                item("espresso", "coffee", 240, 60, 3.0),
                item("cappuccino", "coffee", 340, 95, 6.0),
                item("filter", "coffee", 300, 70, 3.0),
                item("tea", "tea", 280, 50, 2.0),
                item("croissant", "pastry", 290, 130, 4.0),
                item("cake", "pastry", 420, 190, 2.0),
                item("sandwich", "food", 650, 310, 2.0),
                item("beans", "shop", 1_200, 720, 0.6),
            ],
            min_margin_bp: 1_000,
            visits: Spread { mean: -2.2, deviation: 1.4 },
            response: Spread { mean: 0.35, deviation: 0.35 },
            deaf: 0.3,
            larger: 0.05,
            more: Spread { mean: 0.8, deviation: 0.4 },
            taste: 0.8,
            habit: 1.2,
            habit_keeps: 0.8,
            satiation: 0.3,
            memory_keeps: 0.85,
            disappointment: 0.25,
            strategic: 0.15,
            patience: 0.8,
            leaving: 0.01,
            season: 0.2,
            season_week: 50.0,
        }
    }
}

impl Item {
    /// What may come off one of it.
    pub(crate) fn headroom(&self, floor: MarginFloor) -> Amount {
        floor.headroom(self.price, Some(self.cost), 1)
    }
}

/// Why a world cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` of the truth {why}")]
pub struct TruthError {
    pub field: String,
    pub why: &'static str,
}

impl Truth {
    pub(crate) fn floor(&self) -> MarginFloor {
        MarginFloor { min_margin: Rate(self.min_margin_bp) }
    }

    /// # Errors
    /// The first field that makes no sense, and why.
    pub fn check(&self) -> Result<(), TruthError> {
        let error = |field: &str, why| Err(TruthError { field: field.to_owned(), why });
        if self.menu.is_empty() || self.menu.len() > 1_000 {
            return error("menu", "needs 1 to 1,000 items");
        }
        for (place, item) in self.menu.iter().enumerate() {
            let field = format!("menu[{place}]");
            if !(1..=100_000_000).contains(&item.price.0) || !(0..=100_000_000).contains(&item.cost.0) {
                return error(&field, "needs a price of 1 to 100,000,000 minor units and a cost of 0 to as many");
            }
            if !(item.popularity > 0.0 && item.popularity <= 1e6) {
                return error(&field, "needs a popularity above 0, at most 1,000,000");
            }
        }
        if self.min_margin_bp > 100_000 {
            return error("min_margin_bp", "is 0 to 100,000 basis points");
        }
        for (field, spread) in [("visits", self.visits), ("response", self.response), ("more", self.more)] {
            if !(spread.mean.abs() <= 20.0 && (0.0..=20.0).contains(&spread.deviation)) {
                return error(field, "needs a mean of -20 to 20 and a deviation of 0 to 20");
            }
        }
        for (field, share) in [
            ("deaf", self.deaf),
            ("habit_keeps", self.habit_keeps),
            ("memory_keeps", self.memory_keeps),
            ("strategic", self.strategic),
            ("leaving", self.leaving),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return error(field, "is a share: 0 to 1");
            }
        }
        for (field, effect) in [
            ("larger", self.larger),
            ("taste", self.taste),
            ("habit", self.habit),
            ("satiation", self.satiation),
            ("disappointment", self.disappointment),
            ("patience", self.patience),
            ("season", self.season),
        ] {
            if !(0.0..=20.0).contains(&effect) {
                return error(field, "is 0 to 20");
            }
        }
        if !(0.0..=52.0).contains(&self.season_week) {
            return error("season_week", "is a week of the year: 0 to 52");
        }
        Ok(())
    }
}
