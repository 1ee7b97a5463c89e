#![doc = include_str!("../README.md")]

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
