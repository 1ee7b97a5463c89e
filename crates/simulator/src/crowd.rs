//! All shoppers of a world, and what becomes of them under a policy.

use domain::{Amount, Rate};

use crate::shopper::{Shopper, State, Visit};
use crate::truth::{Truth, TruthError};

/// Which rate each shopper is offered. It sees what a shop sees: who came, and what they bought; never what they are like.
pub trait Policy {
    /// A week begins; unless told otherwise by `false`, which ends the weeks there.
    fn begin(&mut self, _week: u32) -> bool {
        true
    }

    /// The rate of a shopper for a week.
    fn offer(&mut self, shopper: usize, week: u32) -> Rate;

    /// What came of it.
    fn learn(&mut self, outcome: &Outcome<'_>);
}

/// A shopper's week.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub shopper: usize,
    pub week: u32,
    pub rate: Rate,
    /// `None`: they did not come.
    pub visit: Option<&'a Visit>,
}

/// Everybody gets the same.
#[derive(Clone, Copy, Debug)]
pub struct Uniform(pub Rate);

impl Policy for Uniform {
    fn offer(&mut self, _: usize, _: u32) -> Rate {
        self.0
    }

    fn learn(&mut self, _: &Outcome<'_>) {}
}

/// Sums over shoppers and weeks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub visits: u64,
    pub gross: Amount,
    pub discount: Amount,
    pub margin: Amount,
    /// Visits that were given less than was offered, because the budget ran out with them.
    pub cut: u64,
    /// Who had left for good by the end.
    pub left: u64,
}

/// What discounts may cost. Offers end where it is used up, and the till asks it as well, as the shop's ledger of budgets: what
/// is not there is not given.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    limit: Amount,
    spent: Amount,
}

impl Budget {
    #[must_use]
    pub fn of(limit: Amount) -> Self {
        Self { limit, spent: Amount::ZERO }
    }

    #[must_use]
    pub fn unlimited() -> Self {
        Self::of(Amount(i64::MAX))
    }

    #[must_use]
    pub fn limit(&self) -> Amount {
        self.limit
    }

    #[must_use]
    pub fn spent(&self) -> Amount {
        self.spent
    }

    #[must_use]
    pub fn left(&self) -> Amount {
        self.limit - self.spent
    }

    fn take(&mut self, wanted: Amount) -> Amount {
        let given = wanted.min(self.left());
        self.spent += given;
        given
    }
}

#[derive(Clone, Debug)]
pub struct Crowd {
    truth: Truth,
    shoppers: Vec<Shopper>,
}

impl Crowd {
    /// # Errors
    /// When the truth makes no sense.
    pub fn draw(truth: Truth, seed: u64, shoppers: usize) -> Result<Self, TruthError> {
        truth.check()?;
        let shoppers = (0..shoppers as u64).map(|number| Shopper::draw(&truth, seed, number)).collect();
        Ok(Self { truth, shoppers })
    }

    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    #[must_use]
    pub fn shoppers(&self) -> &[Shopper] {
        &self.shoppers
    }

    /// The shop opens: nobody has been offered anything yet.
    #[must_use]
    pub fn open(&self) -> Life<'_> {
        Life { crowd: self, states: vec![State::default(); self.shoppers.len()], week: 0 }
    }

    /// So many weeks from the opening under a policy, without a budget.
    pub fn run(&self, weeks: u32, policy: &mut dyn Policy) -> Totals {
        self.open().live(weeks, policy, &mut Budget::unlimited())
    }
}

/// A crowd at some week. Cloned, it goes on under several policies from the same past and with the same luck.
#[derive(Clone, Debug)]
pub struct Life<'a> {
    crowd: &'a Crowd,
    states: Vec<State>,
    week: u32,
}

impl<'a> Life<'a> {
    #[must_use]
    pub fn crowd(&self) -> &'a Crowd {
        self.crowd
    }

    #[must_use]
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The week that comes next.
    #[must_use]
    pub fn week(&self) -> u32 {
        self.week
    }

    /// Week by week, and everybody in each: a policy can learn of one from another.
    pub fn live(&mut self, weeks: u32, policy: &mut dyn Policy, budget: &mut Budget) -> Totals {
        let mut totals = Totals::default();
        for week in self.week..self.week.saturating_add(weeks) {
            if !policy.begin(week) {
                break;
            }
            for (number, (shopper, state)) in self.crowd.shoppers.iter().zip(&mut self.states).enumerate() {
                // With nothing left nothing is promised either.
                let rate = if budget.left() > Amount::ZERO { policy.offer(number, week) } else { Rate::ZERO };
                let mut visit = shopper.live(&self.crowd.truth, state, week, rate);
                if let Some(visit) = &mut visit {
                    let given = budget.take(visit.discount);
                    totals.cut += u64::from(given < visit.discount);
                    visit.discount = given;
                    totals.visits += 1;
                    totals.gross += visit.gross;
                    totals.discount += visit.discount;
                    totals.margin += visit.margin();
                }
                policy.learn(&Outcome { shopper: number, week, rate, visit: visit.as_ref() });
            }
        }
        self.week = self.week.saturating_add(weeks);
        totals.left = self.states.iter().filter(|state| state.has_left).count() as u64;
        totals
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn crowd(seed: u64, shoppers: usize) -> Crowd {
        Crowd::draw(Truth::default(), seed, shoppers).unwrap()
    }

    /// Offers one shopper something else from a week on, and keeps what everybody did.
    struct Other {
        shopper: usize,
        from: u32,
        rate: Rate,
        weeks: Vec<(usize, u32, Option<Visit>)>,
    }

    impl Policy for Other {
        fn offer(&mut self, shopper: usize, week: u32) -> Rate {
            if shopper == self.shopper && week >= self.from { self.rate } else { Rate(500) }
        }

        fn learn(&mut self, outcome: &Outcome<'_>) {
            self.weeks.push((outcome.shopper, outcome.week, outcome.visit.cloned()));
        }
    }

    #[test]
    fn what_one_is_offered_changes_nobody_else_and_nothing_before() {
        let loyal = Truth { leaving: 0.0, ..Truth::default() };
        let crowd = Crowd::draw(loyal.clone(), 3, 40).unwrap();
        let run = |rate| {
            let mut policy = Other { shopper: 7, from: 20, rate, weeks: Vec::new() };
            crowd.run(52, &mut policy);
            policy.weeks
        };
        let (same, other) = (run(Rate(500)), run(Rate(3_000)));
        let mut changed = 0;
        for (one, two) in same.iter().zip(&other) {
            if one.0 != 7 || one.1 < 20 {
                assert_eq!(one, two);
            } else {
                changed += usize::from(one != two);
            }
        }
        assert!(changed > 0, "thirty percent for thirty weeks is felt");
        let smaller = Crowd::draw(loyal, 3, 9).unwrap();
        assert_eq!(
            format!("{:?}", crowd.shoppers()[5]),
            format!("{:?}", smaller.shoppers()[5]),
            "in any crowd the same"
        );
    }

    #[test]
    fn what_is_expected_is_what_happens_on_average() {
        let crowd = crowd(11, 20_000);
        for rate in [Rate(0), Rate(1_500)] {
            let totals = crowd.run(1, &mut Uniform(rate));
            let (mut visits, mut margin, mut discount) = (0.0, 0.0, 0.0);
            for shopper in crowd.shoppers() {
                let expected = shopper.expected(crowd.truth(), &State::default(), 0, rate);
                visits += expected.visit;
                margin += expected.margin;
                discount += expected.discount;
            }
            let near = |found: f64, known: f64| (found / known.max(1.0) - 1.0).abs() < 0.05 || found == known;
            assert!(near(totals.visits as f64, visits), "{totals:?} {visits}");
            assert!(near(totals.margin.0 as f64, margin), "{totals:?} {margin}");
            assert!(near(totals.discount.0 as f64, discount), "{totals:?} {discount}");
        }
    }

    /// However much a truth says that a rate makes people buy, what is expected is what can happen.
    #[test]
    fn a_truth_of_boundless_appetite_is_expected_as_it_is_lived() {
        let truth = Truth { larger: 20.0, visits: crate::Spread { mean: 20.0, deviation: 0.0 }, ..Truth::default() };
        let crowd = Crowd::draw(truth, 2, 2_000).unwrap();
        let lived = crowd.run(1, &mut Uniform(Rate(9_000))).discount.0 as f64;
        let all = crowd.shoppers().iter();
        let told: f64 = all.map(|one| one.expected(crowd.truth(), &State::default(), 0, Rate(9_000)).discount).sum();
        assert!((lived / told - 1.0).abs() < 0.05, "{lived} {told}");
    }

    #[test]
    fn a_truth_is_read_from_its_file_and_nonsense_is_named() {
        let truth: Truth = serde_json::from_str(r#"{"deaf": 0.5, "response": {"mean": 1, "deviation": 0}}"#).unwrap();
        assert_eq!((truth.deaf, truth.response.mean, truth.menu.len()), (0.5, 1.0, 8));
        assert!(serde_json::from_str::<Truth>(r#"{"daef": 0.5}"#).is_err());
        let field = |change: fn(&mut Truth)| {
            let mut truth = Truth::default();
            change(&mut truth);
            Crowd::draw(truth, 1, 1).unwrap_err().field
        };
        assert_eq!(field(|truth| truth.deaf = f64::NAN), "deaf");
        assert_eq!(field(|truth| truth.menu.clear()), "menu");
        assert_eq!(field(|truth| truth.menu[3].price.0 = 0), "menu[3]");
        assert_eq!(field(|truth| truth.visits.deviation = f64::INFINITY), "visits");
        assert_eq!(field(|truth| truth.season_week = -1.0), "season_week");
    }

    #[test]
    fn who_is_given_less_than_they_are_used_to_comes_less() {
        let crowd = crowd(5, 200);
        let used_to = State { remembered: 2.0, ..State::default() };
        let waited = State { after_waiting: 2.0, ..State::default() };
        let mut waiting = 0;
        for shopper in crowd.shoppers() {
            let visit = |state: &State| shopper.expected(crowd.truth(), state, 0, Rate(500)).visit;
            assert!(visit(&used_to) < visit(&State::default()));
            assert!(visit(&waited) <= visit(&State::default()));
            waiting += usize::from(visit(&waited) < visit(&State::default()));
            assert_eq!(visit(&State { has_left: true, ..State::default() }), 0.0);
        }
        assert!((10..60).contains(&waiting), "a share of {waiting} in 200");
    }

    proptest! {
        #[test]
        fn a_larger_rate_never_keeps_anybody_away(seed in 0_u64..1_000, low in 0_u32..9_000, more in 1_u32..1_000) {
            let crowd = crowd(seed, 5);
            for shopper in crowd.shoppers() {
                let at = |rate| shopper.expected(crowd.truth(), &State::default(), 9, Rate(rate)).visit;
                prop_assert!(at(low + more) >= at(low));
            }
        }
    }
}
