//! What came of a contest.

use discount::experiment::Interval;
use discount::response::FitReport;
use domain::{Amount, Rate};
use serde::Serialize;

use super::Contest;
use crate::crowd::{Budget, Totals};

/// One policy over the weeks that were judged; money in minor units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyReport {
    pub name: String,
    /// Beyond no discount, a shopper.
    pub incremental_margin: f64,
    pub margin: Amount,
    pub discount: Amount,
    pub gross: Amount,
    pub visits: u64,
    pub left: u64,
    /// Visits that were given less than was offered, because the budget had run out.
    pub cut: u64,
    pub over_budget: bool,
}

impl PolicyReport {
    pub(super) fn new(name: &str, totals: &Totals, nothing: &Totals, budget: &Budget, shoppers: usize) -> Self {
        Self {
            name: name.to_owned(),
            incremental_margin: (totals.margin - nothing.margin).0 as f64 / shoppers.max(1) as f64,
            margin: totals.margin,
            discount: totals.discount,
            gross: totals.gross,
            visits: totals.visits,
            left: totals.left,
            cut: totals.cut,
            over_budget: totals.discount > budget.limit(),
        }
    }
}

/// What the engine learned, and what it said that it brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Learned {
    pub fit: Option<FitReport>,
    /// Why there was no model.
    pub missing: Option<String>,
    pub quarters: Vec<Quarter>,
    /// What waiting a week with every purchase gained those who tried, of what they paid.
    pub waiting_gain: Option<f64>,
}

/// How often a shopper came in the pilot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Often {
    /// In every second week, or more.
    Frequent,
    /// In every fourth.
    Regular,
    Occasional,
}

impl Often {
    pub(super) fn of(visits: usize, weeks: usize) -> Self {
        match (2 * visits >= weeks.max(1), 4 * visits >= weeks.max(1)) {
            (true, _) => Self::Frequent,
            (false, true) => Self::Regular,
            _ => Self::Occasional,
        }
    }
}

/// What a quarter of a year brought, beyond no discount, of a shopper who is not held out; minor units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quarter {
    pub first_week: u32,
    pub often: Often,
    /// As the shop can know it, from those held out.
    #[serde(flatten)]
    pub interval: Interval,
    /// As it is, from the same shoppers' same weeks without a discount.
    pub truth: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub seed: u64,
    pub shoppers: usize,
    pub pilot_weeks: u32,
    pub weeks: u32,
    pub budget: Option<f64>,
    pub best_uniform: Rate,
    pub policies: Vec<PolicyReport>,
    /// The engine's incremental margin, of the oracle's; nothing where the oracle brings nothing.
    pub oracle_share: Option<f64>,
    /// The engine's lead over the best uniform rate, of the oracle's lead.
    pub headroom_share: Option<f64>,
    /// By how much the oracle leads over the best uniform rate, of its incremental margin: how much there is to win.
    pub headroom: Option<f64>,
    /// What the guarantee that waiting never pays costs: by how much more a shopper would bring, in minor units, if the oracle
    /// might also alternate poor offers with a good one.
    pub guarantee_costs: f64,
    pub ahead_of_simple: bool,
    pub budget_violations: usize,
    /// Of the intervals that the engine reports, how many hold the truth.
    pub coverage95: Option<f64>,
    pub learned: Learned,
}

impl Report {
    pub(super) fn new(contest: &Contest, best_uniform: Rate, policies: Vec<PolicyReport>, learned: Learned) -> Self {
        let of = |name: &str| {
            policies.iter().find(|policy| policy.name == name).map_or(0.0, |policy| policy.incremental_margin)
        };
        let (engine, oracle, uniform) = (of(ENGINE), of(ORACLE), of(UNIFORM));
        let simple = policies.iter().filter(|policy| ![ENGINE, CYCLES, ORACLE].contains(&policy.name.as_str()));
        let ahead_of_simple = simple.clone().all(|policy| engine >= policy.incremental_margin);
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let covered = learned.quarters.iter().filter(|one| one.interval.covers(one.truth)).count();
        Self {
            seed: contest.seed,
            shoppers: contest.shoppers,
            pilot_weeks: contest.pilot,
            weeks: contest.weeks,
            budget: contest.budget,
            best_uniform,
            oracle_share: share(engine, oracle),
            headroom_share: share(engine - uniform, oracle - uniform),
            headroom: share(oracle - uniform, oracle),
            guarantee_costs: (of(CYCLES) - oracle).max(0.0),
            ahead_of_simple,
            budget_violations: policies.iter().filter(|policy| policy.over_budget).count(),
            coverage95: share(covered as f64, learned.quarters.len() as f64),
            policies,
            learned,
        }
    }
}

pub(super) const NOTHING: &str = "no discount";
pub(super) const UNIFORM: &str = "best uniform";
pub(super) const RFM: &str = "RFM rules";
pub(super) const T_LEARNER: &str = "T-learner";
pub(super) const ENGINE: &str = "engine";
pub(super) const CYCLES: &str = "cycles";
pub(super) const ORACLE: &str = "oracle";
