//! Cart + campaigns + card + coupons + costs -> what every line costs, who pays for the discount, and why. The margin floor is
//! the last stage.
//!
//! Pure and deterministic: no clock, no I/O, and the same facts have one answer whatever the order of the lines.

pub mod benefit;
pub mod campaign;
pub mod condition;
pub mod decision;
pub mod facts;
pub mod problem;

use std::cmp::Ordering;
use std::sync::Arc;

pub use chrono_tz::Tz;
use domain::{Amount, CardScope, Rate, split};

pub use benefit::{Benefit, Off, Pick, Slot, Step, TierBy};
pub use campaign::{
    Action, Base, Budget, Campaign, CardPolicy, CouponPolicy, Group, Hours, Mode, Name, Params, Per, Period, Rule,
    Schedule, Stacking, WhenShort, Window,
};
pub use condition::{AmountRange, Between, Condition, CountRange, Exclusions, SegmentTest, Selector, WithinDays};
pub use decision::{Account, Allocation, Decision, Effect, LineDecision, Rejection, Source, Use};
pub use facts::{ChosenCard, Coupon, Customer, Facts, Line, Room, Standing};
pub use problem::{Problem, Problems};

/// Checked [`Params`], ready to decide. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Rules(Arc<Params>);

impl Params {
    /// # Errors
    /// Everything that is wrong with the rule set, each with its place in the JSON.
    pub fn check(self) -> Result<Rules, Problems> {
        if self.card.max_rate > Rate::WHOLE {
            let detail = "A card cannot take off more than the whole price: write at most 10000.".to_owned();
            let pointer = "/card/max_rate_bp".to_owned();
            return Err(Problems(vec![Problem { pointer, key: "rate-above-whole", detail }]));
        }
        Ok(Rules(Arc::new(self)))
    }
}

impl Rules {
    /// What they were made from.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.0
    }

    /// The limited accounts that a decision on these facts may draw on: fetch their rooms before evaluating.
    #[must_use]
    pub fn accounts(&self, _facts: &Facts) -> Vec<Account> {
        Vec::new()
    }
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
    let desired = desired(facts, rules, &subtotals);
    let mut effects = Vec::new();
    let mut lines = Vec::with_capacity(facts.lines.len());
    for (place, line) in facts.lines.iter().enumerate() {
        let position = u16::try_from(place).unwrap_or(u16::MAX);
        let (subtotal, desired) = (subtotals[place], desired[place]);
        let most = facts.floor.headroom(line.unit_price, line.cost, line.quantity).min(subtotal);
        let granted = desired.min(most).max(Amount::ZERO);
        let mut allocations = Vec::new();
        if let Some(card) = &facts.card {
            let source = Source::Card(card.id);
            if granted > Amount::ZERO {
                allocations.push(Allocation { source: source.clone(), amount: granted });
                effects.push(Effect::Discount { position, source, desired, granted });
            }
            if granted < desired {
                effects.push(Effect::MarginClipped { position, desired, granted });
            }
        }
        lines.push(LineDecision { subtotal, discount: granted, total: subtotal - granted, allocations });
    }
    effects.extend(
        facts
            .coupons
            .iter()
            .map(|coupon| Effect::RejectCoupon { code: coupon.code.clone(), reason: Rejection::CouponNotFound }),
    );
    let sum = |of: fn(&LineDecision) -> Amount| lines.iter().map(of).sum();
    Decision {
        subtotal: sum(|line| line.subtotal),
        discount: sum(|line| line.discount),
        total: sum(|line| line.total),
        lines,
        effects,
        uses: Vec::new(),
    }
}

/// What the card wants of every line, before the floor.
fn desired(facts: &Facts, rules: &Rules, subtotals: &[Amount]) -> Vec<Amount> {
    let mut wanted = vec![Amount::ZERO; facts.lines.len()];
    let Some(card) = &facts.card else { return wanted };
    let mut eligible: Vec<usize> = (0..facts.lines.len())
        .filter(|&place| {
            let line = &facts.lines[place];
            line.offerable && line.cost.is_some() && covers(&card.scope, line)
        })
        .collect();
    // An order of their own: the odd unit goes to the same product however the cashier sorted the basket.
    eligible.sort_by(|&a, &b| canonical(&facts.lines[a], &facts.lines[b]).then(a.cmp(&b)));
    let weights: Vec<Amount> = eligible.iter().map(|&place| subtotals[place]).collect();
    let whole = card.rate.min(rules.0.card.max_rate).of(weights.iter().copied().sum());
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

#[cfg(test)]
mod tests;
