#![doc = include_str!("../README.md")]

pub mod allocation;
pub mod boosting;
pub mod commitment;
pub mod evaluation;
pub mod experiment;
pub mod game;
pub mod personal;
pub mod pilot;
pub mod promises;
pub mod response;
mod rule;
mod shelf;
#[cfg(test)]
mod tests;
pub mod uplift;

use domain::segment::{Habit, Presence};
use domain::{Amount, CardReason, CardScope, CategoryId, Currency, MarginFloor, Product, Rate, SegmentName};
use serde::{Deserialize, Serialize};

pub use rule::{offer, offer_at};
pub use shelf::Shelf;

/// What is known of one customer and of the shop at the moment of issue.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub segment: SegmentName,
    /// Purchases so far, imported ones too.
    pub visits: u32,
    /// Paid per purchase on average, in minor units.
    pub average_basket: Amount,
    pub currency: Currency,
    /// Categories this customer bought from, the strongest first.
    pub categories: &'a [FavouriteCategory],
    /// Products this customer bought, the strongest first.
    pub products: &'a [FavouriteProduct],
    /// What this customer is likely to take next by a ranking, the likeliest first; goes before what they bought most.
    pub picks: &'a [Pick],
    /// What all guests buy, the strongest first; `times` is 0 in a shop that has sold nothing yet.
    pub popular: &'a [PopularProduct],
    pub shelf: &'a Shelf,
    pub floor: MarginFloor,
    pub since: Since,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FavouriteCategory {
    pub id: CategoryId,
    pub title: String,
    /// Purchases that had something of it.
    pub times: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FavouriteProduct {
    pub product: Product,
    /// Purchases that had it.
    pub times: u32,
}

/// A product, and the fact that speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    pub product: Product,
    pub why: CardReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopularProduct {
    pub product: Product,
    pub category_title: String,
    /// Purchases of all guests that had it.
    pub times: u32,
}

/// What happened since the cards before these were issued (law 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// There were none: the first offer.
    Never,
    /// A purchase: the level may rise, and absence does not count.
    Purchase,
    /// Time passed: no rate may rise.
    Nothing(Before),
}

/// The rates of the cards before; `None` where there was no card of the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    pub basket: Option<Rate>,
    pub category: Option<Rate>,
    pub product: Option<Rate>,
}

/// The levels. All are basis points and whole multiples of `step`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    pub step: Rate,
    /// No card gives more.
    pub most: Rate,
    pub welcome: Rate,
    pub frequent: Rate,
    pub regular: Rate,
    pub occasional: Rate,
    /// On top, in the first offer of somebody who is cooling off, or was not seen lately.
    pub cooling: Rate,
    pub lapsed: Rate,
    /// On top of the basket's level.
    pub category: Rate,
    pub product: Rate,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            step: Rate(250),
            most: Rate(2_500),
            welcome: Rate(1_000),
            frequent: Rate(500),
            regular: Rate(750),
            occasional: Rate(1_000),
            cooling: Rate(250),
            lapsed: Rate(500),
            category: Rate(250),
            product: Rate(500),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    #[error("the step must be from 1 to 10,000 basis points")]
    Step,
    #[error("`{0}` must be a whole multiple of the step")]
    OffStep(&'static str),
    #[error("`{0}` must not be above the most that a card gives")]
    AboveMost(&'static str),
    #[error("the most that a card gives must be from one step to 100 %")]
    Most,
}

/// Checked [`Params`].
#[derive(Clone, Debug)]
pub struct Rules(Params);

impl Params {
    /// # Errors
    /// The first level that is off the steps or above the most.
    pub fn check(self) -> Result<Rules, ParamsError> {
        if !(1..=Rate::WHOLE.bp()).contains(&self.step.bp()) {
            return Err(ParamsError::Step);
        }
        if !(self.step..=Rate::WHOLE).contains(&self.most) {
            return Err(ParamsError::Most);
        }
        let levels = [
            ("most", self.most),
            ("welcome", self.welcome),
            ("frequent", self.frequent),
            ("regular", self.regular),
            ("occasional", self.occasional),
            ("cooling", self.cooling),
            ("lapsed", self.lapsed),
            ("category", self.category),
            ("product", self.product),
        ];
        for (name, level) in levels {
            if level > self.most {
                return Err(ParamsError::AboveMost(name));
            }
            if !level.bp().is_multiple_of(self.step.bp()) {
                return Err(ParamsError::OffStep(name));
            }
        }
        Ok(Rules(self))
    }
}

impl Rules {
    /// The basket's level before the floor.
    fn level(&self, facts: &Facts<'_>) -> Rate {
        let params = &self.0;
        let (habit, presence) = match &facts.segment {
            name if !matches!(name, SegmentName::Profile { .. }) && facts.visits == 0 => return params.welcome,
            // Known by visits, but no model has looked yet, or sees nobody like them.
            SegmentName::Newcomers | SegmentName::Prospects { .. } | SegmentName::Apart => {
                (Habit::Regular, Presence::Active)
            }
            SegmentName::Profile { habit, presence, .. } => (*habit, *presence),
        };
        let base = match habit {
            Habit::Frequent => params.frequent,
            Habit::Regular => params.regular,
            Habit::Occasional => params.occasional,
        };
        let extra = match (facts.since, presence) {
            (Since::Purchase, _) | (_, Presence::Active) => Rate::ZERO,
            (_, Presence::Cooling) => params.cooling,
            (_, Presence::Lapsed) => params.lapsed,
        };
        Rate(base.bp() + extra.bp())
    }
}

/// Up to three proposals, in the order basket, category, product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub proposals: Vec<Proposal>,
}

/// A card to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub scope: CardScope,
    /// The title of the category or the name of the product; empty for the basket.
    pub subject: String,
    pub rate: Rate,
    pub reasons: Vec<CardReason>,
}
