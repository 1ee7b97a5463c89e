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
mod settlement;
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
pub use settlement::{Part, SettledLine, Settlement};

/// Decides what the basket costs.
#[must_use]
pub fn evaluate(facts: &Facts, rules: &Rules) -> Decision {
    settle(facts, rules).decision()
}

/// Decides the same, in numbers: for whoever tells it and keeps nothing.
#[must_use]
pub fn settle(facts: &Facts, rules: &Rules) -> Settlement {
    decide::decide(facts, rules, &mut trace::Off)
}

/// Decides the same, and says of every campaign, the card and every coupon whether it applied, and if not, why.
#[must_use]
pub fn explain(facts: &Facts, rules: &Rules) -> Explanation {
    let mut recorder = trace::Recorder::default();
    let decision = decide::decide(facts, rules, &mut recorder).decision();
    let mut verdicts = recorder.0;
    verdicts.sort_by_key(|verdict| rules.order(&verdict.subject));
    Explanation { decision, verdicts }
}

#[cfg(test)]
mod tests;
