//! Discount policies against each other, on the same shoppers, in the same weeks, with the same luck.
//!
//! First a pilot: some weeks of offers by chance, which every policy may learn from. Then the period that is judged: every policy
//! begins where the pilot ended, under the same budget, and what it brings is its margin less that of no discount at all.

mod policies;
mod report;
mod t_learner;

use discount::allocation::{Level, Menus, allocate};
use discount::promises::{Promises, Terms};
use discount::response::{self, Belief, History, Levels, Response};
use domain::{Amount, Rate};

use crate::crowd::{Budget, Crowd, Life, Totals, Uniform};
use crate::oracle::Commitment;
use crate::truth::{Truth, TruthError};
use policies::{Committed, Pilot, Promising, Rfm, Waited, Watched};
use report::{CYCLES, ENGINE, NOTHING, ORACLE, RFM, T_LEARNER, UNIFORM};
use t_learner::TLearner;

pub use report::{Learned, Often, PolicyReport, Quarter, Report};

/// How a contest is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Contest {
    pub seed: u64,
    pub shoppers: usize,
    /// Weeks of offers by chance, before those that are judged.
    pub pilot: u32,
    /// Weeks that are judged.
    pub weeks: u32,
    /// What discounts may cost, as a share of what is sold without any; `None` is no limit.
    pub budget: Option<f64>,
    /// Of all shoppers, how many the engine holds out for good.
    pub held_out: f64,
    pub levels: Levels,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContestError {
    #[error(transparent)]
    Truth(#[from] TruthError),
    #[error("`{0}` {1}")]
    Field(&'static str, &'static str),
    #[error("stopped before the end")]
    Stopped,
}

/// Told what is being done, and asked often whether to go on.
pub trait Watch {
    /// This begins, when so much of the whole is done; `false` stops it.
    fn at(&self, what: &str, done: f64) -> bool;

    fn goes_on(&self) -> bool {
        true
    }
}

/// Nobody watches.
impl Watch for () {
    fn at(&self, _: &str, _: f64) -> bool {
        true
    }
}

/// Futures of each shopper and rate by which the oracle knows what is to be expected.
const FUTURES: u32 = 16;
/// Weeks of which one interval is reported.
const QUARTER: u32 = 13;
/// Weeks from one good offer to the next, in what is compared with a rate in every week.
const CYCLE: [u32; 3] = [2, 3, 5];
/// Every so many-th shopper waits, in the run that shows what waiting gains.
const WAITS: usize = 20;

impl Default for Contest {
    /// A chain of 20,000 customers that goes up to a quarter: five quarters of offers by chance, and a year that is judged.
    fn default() -> Self {
        let rates = [0, 250, 500, 750, 1_000, 1_500, 2_000, 2_500];
        Self {
            seed: 1,
            shoppers: 20_000,
            pilot: 65,
            weeks: 52,
            budget: Some(0.08),
            held_out: 0.04,
            levels: Levels::new(rates.into_iter().map(Rate).collect()).unwrap_or_default(),
        }
    }
}

impl Contest {
    fn check(&self) -> Result<(), ContestError> {
        if !(1..=1_000_000).contains(&self.shoppers) {
            return Err(ContestError::Field("shoppers", "needs 1 to 1,000,000"));
        }
        if self.pilot > 520 {
            return Err(ContestError::Field("pilot", "needs 0 to 520 weeks"));
        }
        if !(1..=520).contains(&self.weeks) {
            return Err(ContestError::Field("weeks", "needs 1 to 520"));
        }
        if self.budget.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err(ContestError::Field("budget", "is a share of what is sold: 0 to 1"));
        }
        if !(0.0..=0.5).contains(&self.held_out) {
            return Err(ContestError::Field("held_out", "is a share of the shoppers: 0 to 0.5"));
        }
        Ok(())
    }

    /// Holds it.
    ///
    /// # Errors
    /// When the truth or the contest makes no sense, or it was told to stop.
    pub fn hold(&self, truth: Truth, watch: &dyn Watch) -> Result<Report, ContestError> {
        self.check()?;
        let goes_on = || watch.goes_on();
        // What was broken off in the middle is no result.
        let go_on = |what, done| if watch.at(what, done) && goes_on() { Ok(()) } else { Err(ContestError::Stopped) };
        go_on("the pilot", 0.0)?;
        let crowd = Crowd::draw(truth, self.seed, self.shoppers)?;
        let mut life = crowd.open();
        let mut log = Pilot::new(&self.levels, self.seed, self.shoppers);
        life.live(self.pilot, &mut Watched { policy: &mut log, goes_on: &goes_on }, &mut Budget::unlimited());
        go_on("the pilot", 0.04)?;
        let histories = log.histories;

        go_on("no discount", 0.05)?;
        let mut none = Committed::new(vec![Commitment { rate: Rate::ZERO, every: 1 }; self.shoppers], life.week());
        let nothing = life.clone().live(self.weeks, &mut none, &mut Budget::unlimited());
        let budget = self
            .budget
            .map_or(Budget::unlimited(), |share| Budget::of(Amount((share * nothing.gross.0 as f64).round() as i64)));
        let run = |policy: &mut dyn crate::Policy| {
            let mut budget = budget;
            let totals = life.clone().live(self.weeks, &mut Watched { policy, goes_on: &goes_on }, &mut budget);
            (totals, budget)
        };
        let told = |name: &str, (totals, spent): (Totals, Budget)| {
            PolicyReport::new(name, &totals, &nothing, &spent, self.shoppers)
        };
        let mut policies = vec![told(NOTHING, (nothing, budget))];
        // The best rate for all may be none.
        let mut uniform = Vec::new();
        for (place, rate) in self.levels.rates().iter().enumerate() {
            go_on("one rate for all", 0.1 + 0.02 * place as f64)?;
            uniform.push((told(UNIFORM, run(&mut Uniform(*rate))), *rate));
        }
        let best = uniform.into_iter().max_by(|one, two| one.0.incremental_margin.total_cmp(&two.0.incremental_margin));
        let best_uniform = best.as_ref().map_or(Rate::ZERO, |(_, rate)| *rate);
        policies.extend(best.map(|(told, _)| told));
        go_on("RFM rules", 0.3)?;
        policies.push(told(RFM, run(&mut Rfm::new(&histories))));

        go_on("the T-learner", 0.35)?;
        match TLearner::learn_of(&histories, &self.levels, budget.limit(), life.week() + self.weeks) {
            Ok(mut learner) => policies.push(told(T_LEARNER, run(&mut learner))),
            // Of no log it learns nothing, and gives nothing.
            Err(_) => policies.push(told(T_LEARNER, run(&mut Uniform(Rate::ZERO)))),
        }

        go_on("the engine", 0.45)?;
        let mut learned = Learned::default();
        let outcome = match response::fit(&histories, &self.levels) {
            Ok((response, fit)) => {
                let engine = || self.engine(&response, &histories, budget.limit(), life.week());
                let mut promising = engine();
                let outcome = run(&mut promising);
                go_on("who waits", 0.6)?;
                let mut waited = Waited::new(engine(), WAITS);
                run(&mut waited);
                learned = Learned {
                    fit: Some(fit),
                    missing: None,
                    quarters: promising.quarters(&none),
                    waiting_gain: waited.gain(),
                };
                outcome
            }
            // Without a model everybody gets their segment's rate, and it is said.
            Err(error) => {
                learned.missing = Some(error.to_string());
                run(&mut Rfm::new(&histories))
            }
        };
        policies.push(told(ENGINE, outcome));

        let every_week: Vec<Commitment> =
            self.levels.rates().iter().map(|rate| Commitment { rate: *rate, every: 1 }).collect();
        go_on("the oracle", 0.7)?;
        let mut oracle = Committed::new(self.oracle(&life, budget.limit(), &every_week, &goes_on)?, life.week());
        policies.push(told(ORACLE, run(&mut oracle)));
        go_on("cycles", 0.85)?;
        let mut with_cycles = every_week;
        let top = self.levels.rates().iter().rev().take(2);
        with_cycles.extend(top.flat_map(|rate| CYCLE.map(|every| Commitment { rate: *rate, every })));
        let mut cycles = Committed::new(self.oracle(&life, budget.limit(), &with_cycles, &goes_on)?, life.week());
        policies.push(told(CYCLES, run(&mut cycles)));
        go_on("done", 1.0)?;
        Ok(Report::new(self, best_uniform, policies, learned))
    }

    fn engine(&self, response: &Response, histories: &[History], budget: Amount, week: u32) -> Promising {
        let beliefs = histories.iter().map(|history| Belief::of(response, history));
        let terms =
            Terms { end: week + self.weeks, budget, held_out: self.held_out, plan_every: QUARTER, seed: self.seed };
        let promises = Promises::new(response.clone(), beliefs.collect(), terms);
        Promising::new(promises, &self.levels, histories, week)
    }

    /// Each shopper's commitment by the truth: the best that is to be expected of all, under the budget.
    fn oracle(
        &self,
        life: &Life<'_>,
        budget: Amount,
        commitments: &[Commitment],
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Vec<Commitment>, ContestError> {
        let prospects = life.prospects(commitments, self.weeks, FUTURES, goes_on).ok_or(ContestError::Stopped)?;
        let mut menus = Menus::default();
        for shopper in prospects.chunks_exact(commitments.len()) {
            let none = shopper[0].margin;
            menus.push(shopper.iter().skip(1).map(|prospect| Level {
                cost: Amount(prospect.discount.round() as i64),
                gain: prospect.margin - none,
            }));
        }
        let chosen = allocate(&menus, budget).chosen;
        Ok(chosen.into_iter().map(|place| commitments[place.map_or(0, |place| usize::from(place) + 1)]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::Spread;

    fn small(seed: u64) -> Contest {
        Contest { seed, shoppers: 1_500, pilot: 40, weeks: 26, ..Contest::default() }
    }

    fn of<'a>(report: &'a Report, name: &str) -> &'a PolicyReport {
        report.policies.iter().find(|policy| policy.name == name).unwrap()
    }

    #[test]
    fn the_engine_beats_what_is_simple_and_not_who_knows_the_truth() {
        let report = small(3).hold(Truth::default(), &()).unwrap();
        assert!(report.ahead_of_simple, "{report:?}");
        assert!(report.oracle_share.is_some_and(|share| (0.5..1.0).contains(&share)), "{report:?}");
        assert!(report.learned.waiting_gain.is_some_and(|gain| gain <= 0.01), "{report:?}");
        assert_eq!(report.budget_violations, 0);
        let nothing = of(&report, NOTHING);
        let limit = (0.08 * nothing.gross.0 as f64).round() as i64;
        for policy in &report.policies {
            assert!(policy.discount.0 <= limit && policy.cut <= 1, "{policy:?}");
            assert_eq!(policy.margin < nothing.margin, policy.incremental_margin < 0.0);
        }
        assert_eq!(report, small(3).hold(Truth::default(), &()).unwrap(), "the same seed, the same report");
        assert_ne!(report, small(4).hold(Truth::default(), &()).unwrap());
    }

    #[test]
    fn where_no_discount_moves_anybody_nothing_is_given() {
        let deaf = Truth { deaf: 1.0, larger: 0.0, ..Truth::default() };
        let report = small(1).hold(deaf, &()).unwrap();
        let engine = of(&report, ENGINE);
        assert!(engine.discount.0 * 200 < engine.gross.0, "{engine:?}");
        assert_eq!((report.best_uniform, of(&report, UNIFORM).discount), (Rate::ZERO, Amount::ZERO));
        // Some were used to the pilot's offers, and a little keeps them from being disappointed.
        assert!(of(&report, ORACLE).incremental_margin.abs() < 5.0, "{report:?}");
    }

    #[test]
    fn where_the_floor_leaves_nothing_nothing_is_given() {
        let mut truth = Truth::default();
        for item in &mut truth.menu {
            item.cost = item.price;
        }
        let report = small(1).hold(truth, &()).unwrap();
        assert!(report.policies.iter().all(|policy| policy.discount == Amount::ZERO), "{report:?}");
    }

    #[test]
    fn too_little_to_learn_from_is_said_and_gets_the_segments_rates() {
        let few = Contest { shoppers: 30, pilot: 4, weeks: 8, budget: None, ..Contest::default() };
        let report = few.hold(Truth::default(), &()).unwrap();
        assert!(report.learned.missing.is_some() && report.learned.fit.is_none());
        assert_eq!(of(&report, ENGINE).discount, of(&report, RFM).discount);
        let never = Truth { visits: Spread { mean: -20.0, deviation: 0.0 }, ..Truth::default() };
        let nobody = small(1).hold(never, &()).unwrap();
        assert!(nobody.learned.missing.is_some() && nobody.oracle_share.is_none());
        let without_pilot = Contest { pilot: 0, ..few }.hold(Truth::default(), &()).unwrap();
        assert!(without_pilot.learned.missing.is_some());
    }

    /// Every week comes, whatever is asked of whom.
    #[test]
    fn extremes_of_a_truth_are_held_too() {
        let wild = [
            Truth { response: Spread { mean: 20.0, deviation: 20.0 }, ..Truth::default() },
            Truth { visits: Spread { mean: 20.0, deviation: 20.0 }, larger: 20.0, ..Truth::default() },
            Truth { leaving: 1.0, habit: 20.0, satiation: 20.0, disappointment: 20.0, ..Truth::default() },
            Truth { strategic: 1.0, patience: 20.0, season: 20.0, min_margin_bp: 100_000, ..Truth::default() },
        ];
        for truth in wild {
            let report =
                Contest { shoppers: 300, pilot: 20, weeks: 10, ..Contest::default() }.hold(truth, &()).unwrap();
            assert!(report.policies.iter().all(|policy| policy.incremental_margin.is_finite()), "{report:?}");
        }
    }

    #[test]
    fn a_contest_that_makes_no_sense_is_refused_and_one_that_is_stopped_says_so() {
        let field = |contest: Contest| match contest.hold(Truth::default(), &()) {
            Err(ContestError::Field(field, _)) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(Contest { shoppers: 0, ..Contest::default() }), "shoppers");
        assert_eq!(field(Contest { weeks: 0, ..Contest::default() }), "weeks");
        assert_eq!(field(Contest { pilot: 521, ..Contest::default() }), "pilot");
        assert_eq!(field(Contest { budget: Some(f64::NAN), ..Contest::default() }), "budget");
        assert_eq!(field(Contest { held_out: 0.9, ..Contest::default() }), "held_out");
        struct Impatient;
        impl Watch for Impatient {
            fn at(&self, _: &str, done: f64) -> bool {
                done < 0.1
            }
        }
        assert_eq!(small(1).hold(Truth::default(), &Impatient).unwrap_err(), ContestError::Stopped);
        // In the middle of anything as well.
        struct After(std::cell::Cell<u32>);
        impl Watch for After {
            fn at(&self, _: &str, _: f64) -> bool {
                true
            }
            fn goes_on(&self) -> bool {
                self.0.set(self.0.get().saturating_sub(1));
                self.0.get() > 0
            }
        }
        for asked in [1, 60, 200, 340] {
            let after = After(std::cell::Cell::new(asked));
            assert_eq!(small(1).hold(Truth::default(), &after).unwrap_err(), ContestError::Stopped, "{asked}");
        }
    }

    /// The count of violations can be other than nothing.
    #[test]
    fn who_spends_more_than_the_budget_is_counted() {
        let totals = Totals { discount: Amount(101), ..Totals::default() };
        let over = PolicyReport::new("spender", &totals, &Totals::default(), &Budget::of(Amount(100)), 1);
        assert!(over.over_budget);
        let report = Report::new(&Contest::default(), Rate::ZERO, vec![over], Learned::default());
        assert_eq!(report.budget_violations, 1);
    }
}
