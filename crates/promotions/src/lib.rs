//! Cart + card + costs -> what every line costs, who pays for the discount, and why. The margin floor is the last stage.
//!
//! Pure and deterministic: no clock, no I/O, and the same facts have one answer whatever the order of the lines.

use std::cmp::Ordering;

use domain::{Amount, CardId, CardScope, CategoryId, MarginFloor, Rate, Sku, split};
use serde::{Deserialize, Serialize};

/// What an evaluation is made from, and all of it: stored with the decision, it can be replayed (law 6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// In the basket's order; a line's position is its place here.
    pub lines: Vec<Line>,
    /// The one card that the customer uses now.
    pub card: Option<ChosenCard>,
    pub floor: MarginFloor,
}

/// One line of the basket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub sku: Sku,
    pub category: CategoryId,
    /// What one unit costs without a discount; below zero counts as zero.
    pub unit_price: Amount,
    /// What one unit costs the shop; unknown means no personal discount (law 2).
    pub cost: Option<Amount>,
    pub quantity: u32,
    /// Charges are sold but never discounted.
    pub offerable: bool,
}

/// The card as far as a basket sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenCard {
    pub id: CardId,
    pub scope: CardScope,
    pub rate: Rate,
}

/// What the chain allows. Becomes [`Rules`] once it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// No card takes off more, whatever stands on it.
    pub max_rate: Rate,
}

impl Default for Params {
    fn default() -> Self {
        Self { max_rate: Rate::WHOLE }
    }
}

/// Checked [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    max_rate: Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    #[error("a discount of {0} basis points is more than the whole price")]
    RateAboveWhole(u32),
}

impl Params {
    /// # Errors
    /// [`ParamsError::RateAboveWhole`] for a rate over 100 %: it would sell below zero.
    pub fn check(self) -> Result<Rules, ParamsError> {
        if self.max_rate > Rate::WHOLE {
            return Err(ParamsError::RateAboveWhole(self.max_rate.bp()));
        }
        Ok(Rules { max_rate: self.max_rate })
    }
}

impl Default for Rules {
    /// As [`Params::default`]: nothing is capped but by the margin floor.
    fn default() -> Self {
        Self { max_rate: Rate::WHOLE }
    }
}

/// What becomes of the basket. `total = subtotal - discount` of every line and of the sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub lines: Vec<LineDecision>,
    /// By position, what was done.
    pub effects: Vec<Effect>,
    /// Why it is no more than it is.
    pub reasons: Vec<Reason>,
    pub subtotal: Amount,
    pub discount: Amount,
    pub total: Amount,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineDecision {
    pub subtotal: Amount,
    /// The sum of the allocations.
    pub discount: Amount,
    pub total: Amount,
    pub allocations: Vec<Allocation>,
}

/// How much of a line's discount a card pays; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    pub card: CardId,
    pub amount: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// A line gets a discount: what the card wanted, and what the floor left of it.
    Discount { position: u16, card: CardId, desired: Amount, granted: Amount },
    /// The margin floor cut a line's discount.
    MarginClipped { position: u16, desired: Amount, granted: Amount },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Nobody's card was there to use.
    NoCard,
    /// The card is for what is not in this basket.
    NothingInScope,
    /// In the card's scope, but a charge.
    NotOfferable { position: u16 },
    /// In the card's scope, but its cost is not known.
    CostUnknown { position: u16 },
    /// The card says more than the chain allows.
    RateCapped { from: Rate, to: Rate },
}

/// Decides what the basket costs.
///
/// The card wants its rate of the sum of the lines that it is good for (rounded once, half up), spread over them exactly
/// (law 1). Then, last, every line keeps its margin floor (law 2) and its shelf price (law 3). What the floor cuts from
/// one line is not moved to another.
#[must_use]
pub fn evaluate(facts: &Facts, rules: &Rules) -> Decision {
    let subtotals: Vec<Amount> =
        facts.lines.iter().map(|line| line.unit_price.max(Amount::ZERO).times(line.quantity)).collect();
    let mut reasons = Vec::new();
    let desired = desired(facts, rules, &subtotals, &mut reasons);
    let mut effects = Vec::new();
    let mut lines = Vec::with_capacity(facts.lines.len());
    for (place, line) in facts.lines.iter().enumerate() {
        let position = position(place);
        let (subtotal, desired) = (subtotals[place], desired[place]);
        let most = facts.floor.headroom(line.unit_price, line.cost, line.quantity).min(subtotal);
        let granted = desired.min(most).max(Amount::ZERO);
        let mut allocations = Vec::new();
        if let Some(card) = &facts.card {
            if granted > Amount::ZERO {
                allocations.push(Allocation { card: card.id, amount: granted });
                effects.push(Effect::Discount { position, card: card.id, desired, granted });
            }
            if granted < desired {
                effects.push(Effect::MarginClipped { position, desired, granted });
            }
        }
        lines.push(LineDecision { subtotal, discount: granted, total: subtotal - granted, allocations });
    }
    let sum = |of: fn(&LineDecision) -> Amount| lines.iter().map(of).sum();
    Decision {
        subtotal: sum(|line| line.subtotal),
        discount: sum(|line| line.discount),
        total: sum(|line| line.total),
        lines,
        effects,
        reasons,
    }
}

/// What the card wants of every line, before the floor.
fn desired(facts: &Facts, rules: &Rules, subtotals: &[Amount], reasons: &mut Vec<Reason>) -> Vec<Amount> {
    let mut wanted = vec![Amount::ZERO; facts.lines.len()];
    let Some(card) = &facts.card else {
        reasons.push(Reason::NoCard);
        return wanted;
    };
    let mut eligible = Vec::with_capacity(facts.lines.len());
    let mut in_scope = false;
    for (place, line) in facts.lines.iter().enumerate() {
        if !covers(&card.scope, line) {
            continue;
        }
        in_scope = true;
        if !line.offerable {
            reasons.push(Reason::NotOfferable { position: position(place) });
        } else if line.cost.is_none() {
            reasons.push(Reason::CostUnknown { position: position(place) });
        } else {
            eligible.push(place);
        }
    }
    if !in_scope {
        reasons.push(Reason::NothingInScope);
    }
    if card.rate > rules.max_rate {
        reasons.push(Reason::RateCapped { from: card.rate, to: rules.max_rate });
    }
    // An order of their own: the odd unit goes to the same product however the cashier sorted the basket.
    eligible.sort_by(|&a, &b| canonical(&facts.lines[a], &facts.lines[b]).then(a.cmp(&b)));
    let weights: Vec<Amount> = eligible.iter().map(|&place| subtotals[place]).collect();
    let whole = card.rate.min(rules.max_rate).of(weights.iter().copied().sum());
    for (place, part) in eligible.into_iter().zip(split(whole, &weights)) {
        wanted[place] = part;
    }
    wanted
}

fn covers(scope: &CardScope, line: &Line) -> bool {
    match scope {
        CardScope::Basket => true,
        CardScope::Category(category) => *category == line.category,
        CardScope::Product(sku) => *sku == line.sku,
    }
}

fn canonical(a: &Line, b: &Line) -> Ordering {
    a.sku.cmp(&b.sku).then(a.unit_price.cmp(&b.unit_price)).then(a.quantity.cmp(&b.quantity)).then(a.cost.cmp(&b.cost))
}

fn position(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
