//! Cart + campaigns + card + coupons + costs -> what every line costs, who pays for the discount, and why. The margin floor
//! is the last stage.
//!
//! Pure and deterministic: no clock, no I/O, and the same facts have one answer whatever the order of lines, campaigns and
//! coupons. A decision is made in six stages:
//!
//! 1. **Qualify.** Window, hours, store, coupon, limits on uses, and conditions, over the basket at its shelf price.
//! 2. **Groups.** In a group of the mode `first`, the first by priority that alone has an effect stays; with `best`, the one
//!    that alone gives most, after its limits and the floor.
//! 3. **Stacking.** What is `always`, with either everything `common` or one `never`: whichever stack gives more.
//! 4. **Apply**, by priority, then campaigns before the card, then id. Each source wants its benefits of the shelf price, or
//!    of what is left of it, and no more than is left; then its own caps by line and by session.
//! 5. **Budgets** clip what would be granted, or refuse it whole.
//! 6. **The margin floor** (law 2): who was applied last is cut first. What it cuts from a line is not moved to another, but
//!    within deals (bundle, buy-x-get-y, free item), whose other units then carry it, each down to its own floor.
//!
//! Ties are broken by what is granted, then priority, then id; between lines by product, price, quantity, cost. Where no
//! cost is known nothing personal is given: no card, no coupon with a recipient, no campaign that looks at the customer.

mod basket;
pub mod benefit;
pub mod campaign;
pub mod check;
mod choose;
pub mod condition;
mod deals;
mod decide;
pub mod decision;
pub mod explanation;
pub mod facts;
mod give;
mod holds;
mod limits;
mod moment;
pub mod problem;
mod qualify;
mod rules;
mod scene;
mod select;
mod trace;
mod wish;
mod words;

pub use chrono_tz::Tz;

pub use benefit::{Benefit, Off, Pick, Slot, Step, TierBy};
pub use campaign::{
    Action, Base, Budget, Campaign, CardPolicy, CouponPolicy, Group, Hours, Mode, Name, Params, Per, Period, Rule,
    Schedule, Stacking, WhenShort, Window,
};
pub use condition::{AmountRange, Between, Condition, CountRange, Exclusions, SegmentTest, Selector, WithinDays};
pub use decision::{Account, Allocation, Decision, Effect, LineDecision, Rejection, Source, Use};
pub use explanation::{Explanation, Outcome, Subject, Unmet, Verdict, WhyNot};
pub use facts::{ChosenCard, Coupon, Customer, Facts, Line, Room, Standing};
pub use problem::{Problem, Problems};
pub use rules::Rules;

/// Decides what the basket costs.
#[must_use]
pub fn evaluate(facts: &Facts, rules: &Rules) -> Decision {
    decide::decide(facts, rules, &mut trace::Off)
}

/// Decides the same, and says of every campaign, the card and every coupon whether it applied, and if not, why.
#[must_use]
pub fn explain(facts: &Facts, rules: &Rules) -> Explanation {
    let mut recorder = trace::Recorder::default();
    let decision = decide::decide(facts, rules, &mut recorder);
    let mut verdicts = recorder.0;
    verdicts.sort_by_key(|verdict| rules.order(&verdict.subject));
    Explanation { decision, verdicts }
}

#[cfg(test)]
mod tests;
