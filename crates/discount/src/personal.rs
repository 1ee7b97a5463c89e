//! One customer's rate at the moment of an offer, by what was learned: what brings most at the budget's price, within what law 8,
//! the shop's bounds and what was promised before allow.
//!
//! Some offers are made to learn: for a customer of a kind drawn from what is believed of them (Thompson 1933). As there is only a
//! number of kinds, the probability of every rate is a sum and needs no drawing; it is logged with the offer.

use serde::{Deserialize, Serialize};

use crate::commitment::{Futures, Prospect, UsedTo};
use crate::promises::KEPT;
use crate::response::{Belief, Response};

/// What holds for all customers until the next plan: a value that can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub futures: Futures,
    /// Of the budget: what a unit of discount must bring at least, beyond itself.
    pub price: f64,
}

/// What the shop's terms allow, as places of the response's levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Nobody is offered less, so that no two customers differ by more than from here to the most.
    pub least: u8,
    pub most: u8,
    /// The share of offers that are made to learn.
    pub exploring: f64,
}

/// What the customer was promised before this offer, and what they did since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing that binds: they are new, or were offered by chance or by a rule.
    Nothing,
    /// They bought: what they had is not taken from them, but for the budget's sake when it was planned anew.
    Bought { level: u8, planned_anew: bool },
    /// Time went by: no more than they had (law 8).
    Waited { level: u8 },
}

/// What is offered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub level: u8,
    /// What is best by what is known; another one where this offer was made to learn.
    pub best: u8,
    /// The probability with which it was this level.
    pub propensity: f64,
    /// Margin and discount to be expected of it, beyond those of no offer; minor units.
    pub expected: Prospect,
}

/// By how much what is known of a customer moved the worth of their offer, against somebody of whom nothing is known; minor units.
/// Shapley values of the two things there are to know, so that both together are the whole difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribution {
    /// When they come, and after which offers.
    pub visits: f64,
    /// What they then buy.
    pub baskets: f64,
}

/// Why a stored plan cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("it is not of this model")]
    OtherModel,
    #[error("a number of it is not a number, or out of bounds")]
    NotANumber,
}

/// What is known of the customer and what binds the shop.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub belief: &'a Belief,
    pub used_to: UsedTo,
    pub before: Before,
}

impl Plan {
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, response: &Response) -> Result<(), PlanError> {
        if !(0.0..=1e9).contains(&self.price) {
            return Err(PlanError::NotANumber);
        }
        if self.futures.fit(response) { Ok(()) } else { Err(PlanError::OtherModel) }
    }

    fn worth(&self, prospect: &Prospect) -> f64 {
        prospect.margin - self.price * prospect.discount
    }

    /// The level that is worth most between two; of equals the lowest.
    fn best(&self, prospects: &[Prospect], within: (u8, u8)) -> u8 {
        let mut best = within.0;
        for level in within.0..=within.1 {
            let is_better = match (prospects.get(usize::from(level)), prospects.get(usize::from(best))) {
                (Some(one), Some(other)) => self.worth(one) > self.worth(other),
                _ => false,
            };
            if is_better {
                best = level;
            }
        }
        best
    }

    /// Decides. `luck` is two draws from 0 to 1 that have to do with nothing.
    ///
    /// # Errors
    /// When what is expected of a level is not a number.
    pub fn choose(
        &self,
        response: &Response,
        standing: Standing<'_>,
        bounds: Bounds,
        luck: [f64; 2],
    ) -> Result<Choice, PlanError> {
        let Standing { belief, used_to, before } = standing;
        let mut prospects = Vec::new();
        self.futures.of(response, belief, used_to, &mut prospects);
        if prospects.iter().any(|prospect| !self.worth(prospect).is_finite()) {
            return Err(PlanError::NotANumber);
        }
        let within = self.within(&prospects, before, bounds, response.levels.highest());
        let best = self.best(&prospects, within);
        let here: f64 = belief.here().iter().map(|here| f64::from(*here)).sum();
        // Who only waits is not explored: that could lower what they have, and their next purchase is the next occasion.
        let exploring = match before {
            Before::Waited { .. } => 0.0,
            Before::Nothing | Before::Bought { .. } if here > 0.0 => bounds.exploring.clamp(0.0, 1.0),
            Before::Nothing | Before::Bought { .. } => 0.0,
        };
        let mut propensities = [0.0; 16];
        propensities[usize::from(best)] = 1.0 - exploring;
        let mut level = best;
        if exploring > 0.0 {
            let mut of_kind = Vec::new();
            let explores = luck[0] < exploring;
            let (mut up_to, mut drawn) = (0.0, None);
            for (kind, share) in belief.here().iter().enumerate() {
                let share = f64::from(*share) / here;
                if share <= 0.0 {
                    continue;
                }
                self.futures.of_kind(response, belief, used_to, kind, &mut of_kind);
                let best_of_kind = self.best(&of_kind, within);
                propensities[usize::from(best_of_kind)] += exploring * share;
                up_to += share;
                if explores && (drawn.is_none() || luck[1] >= up_to - share) {
                    drawn = Some(best_of_kind);
                }
            }
            level = drawn.unwrap_or(best);
        }
        let none = prospects.first().copied().unwrap_or_default();
        let chosen = prospects.get(usize::from(level)).copied().unwrap_or_default();
        let expected = Prospect { margin: chosen.margin - none.margin, discount: chosen.discount - none.discount };
        // Sums of shares may be a breath over one.
        Ok(Choice { level, best, propensity: propensities[usize::from(level)].min(1.0), expected })
    }

    /// From where to where a level may be now.
    fn within(&self, prospects: &[Prospect], before: Before, bounds: Bounds, highest: u8) -> (u8, u8) {
        let most = bounds.most.min(highest);
        let least = bounds.least.min(most);
        match before {
            Before::Nothing => (least, most),
            Before::Waited { level } => (least.min(level), level.min(most)),
            Before::Bought { level, planned_anew } => {
                let kept = level.clamp(least, most);
                let none = prospects.first().map_or(0.0, |prospect| prospect.margin);
                // Keeping a promise is worth something at least; where even so it costs more than it brings, it ends.
                let pays = |prospect: &Prospect| (prospect.margin - none).max(KEPT) >= self.price * prospect.discount;
                let is_dear = planned_anew && !prospects.iter().skip(usize::from(kept)).any(pays);
                if is_dear { (least, least) } else { (kept, most) }
            }
        }
    }

    /// Which knowledge decided what an offer of this level is worth.
    #[must_use]
    pub fn attribution(&self, response: &Response, standing: Standing<'_>, level: u8) -> Attribution {
        let mut prospects = Vec::new();
        let mut worth = |belief: &Belief| {
            self.futures.of(response, belief, standing.used_to, &mut prospects);
            let of = |level: u8| prospects.get(usize::from(level)).map_or(0.0, |one| self.worth(one));
            of(level) - of(0)
        };
        let neither = worth(&Belief::new(response));
        let visits = worth(&standing.belief.without_baskets());
        let baskets = worth(&standing.belief.without_visits(response));
        let both = worth(standing.belief);
        Attribution {
            visits: ((visits - neither) + (both - baskets)) / 2.0,
            baskets: ((baskets - neither) + (both - visits)) / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Rate;
    use proptest::prelude::*;

    use super::*;
    use crate::pilot::by_chance;
    use crate::response::{Basket, Effects, Kinds, Levels};

    /// Deaf ones, some who answer, and some who answer much.
    fn response() -> Response {
        let levels = Levels::steps(Rate(250), Rate(2_500));
        Response {
            taken_off: levels.rates().iter().map(|rate| f64::from(rate.bp()) / 10_000.0).collect(),
            levels,
            effects: Effects {
                reference: 0.1,
                reference_keeps: 0.8,
                patience: 0.1,
                habit: 0.5,
                habit_keeps: 0.8,
                rest: 0.2,
                season: [0.1, 0.0],
                leaving: 0.01,
            },
            kinds: Kinds { a: vec![-1.5, -1.5, -1.5, 0.5], b: vec![0.0, 0.4, 1.2, 0.3], share: vec![0.25; 4] },
            larger: 0.05,
            gross: 800.0,
            cost_share: 0.4,
            gross_weight: 2.0,
            odds: Vec::new(),
        }
        .ready()
    }

    fn plan(response: &Response, price: f64) -> Plan {
        Plan { futures: Futures::follow(response, 0, 26, 5, true), price }
    }

    fn believed(response: &Response, weeks: &[(u8, bool)]) -> Belief {
        let mut belief = Belief::new(response);
        for (week, (level, came)) in (0..).zip(weeks) {
            let bought = came.then_some(Basket { gross: 700.0, cost: 250.0, discount: 0.0 });
            belief.learn(response, week, *level, bought);
        }
        belief
    }

    const BOUNDS: Bounds = Bounds { least: 1, most: 8, exploring: 0.2 };

    fn before() -> impl Strategy<Value = Before> {
        prop_oneof![
            Just(Before::Nothing),
            (0_u8..=10, any::<bool>()).prop_map(|(level, planned_anew)| Before::Bought { level, planned_anew }),
            (0_u8..=10).prop_map(|level| Before::Waited { level }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Law 8, the bounds, and the probabilities that are logged: those of all draws are one, whatever was promised before.
        #[test]
        fn offers_keep_the_laws(
            weeks in prop::collection::vec((0_u8..=10, any::<bool>()), 0..40),
            before in before(),
            price in 0.0..3.0_f64,
            exploring in 0.0..1.0_f64,
        ) {
            let response = response();
            let (plan, belief) = (plan(&response, price), believed(&response, &weeks));
            let bounds = Bounds { exploring, ..BOUNDS };
            let standing = Standing { belief: &belief, used_to: UsedTo::Any, before };
            let mut seen = [None; 16];
            for draw in 0..400 {
                let luck = [by_chance(1, draw, 0), by_chance(1, draw, 1)];
                let choice = plan.choose(&response, standing, bounds, luck).unwrap();
                prop_assert!(choice.level <= bounds.most && choice.propensity > 0.0);
                match before {
                    Before::Waited { level } => prop_assert!(choice.level <= level),
                    Before::Bought { level, planned_anew: false } => {
                        prop_assert!(choice.level >= level.min(bounds.most) && choice.level >= bounds.least);
                    }
                    _ => prop_assert!(choice.level >= bounds.least),
                }
                let before = seen[usize::from(choice.level)].replace(choice.propensity);
                prop_assert!(before.is_none_or(|before| before == choice.propensity));
            }
            let whole: f64 = seen.iter().flatten().sum();
            prop_assert!(whole <= 1.0 + 1e-6 && whole > 0.9, "{seen:?}");
        }

        /// What the reasons say is the whole of what was learned of somebody, and nothing else.
        #[test]
        fn the_attribution_is_the_whole_difference(
            weeks in prop::collection::vec((0_u8..=10, any::<bool>()), 0..40),
            level in 0_u8..=10,
            price in 0.0..2.0_f64,
        ) {
            let response = response();
            let (plan, belief) = (plan(&response, price), believed(&response, &weeks));
            let worth = |belief: &Belief| {
                let mut prospects = Vec::new();
                plan.futures.of(&response, belief, UsedTo::Any, &mut prospects);
                plan.worth(&prospects[usize::from(level)]) - plan.worth(&prospects[0])
            };
            let standing = Standing { belief: &belief, used_to: UsedTo::Any, before: Before::Nothing };
            let attribution = plan.attribution(&response, standing, level);
            let whole = worth(&belief) - worth(&Belief::new(&response));
            prop_assert!((attribution.visits + attribution.baskets - whole).abs() < 1e-6 * (1.0 + whole.abs()));
        }
    }

    #[test]
    fn each_level_comes_as_often_as_is_logged() {
        let response = response();
        let belief = believed(&response, &[(8, true), (0, false), (8, true), (0, true)]);
        let plan = plan(&response, 0.3);
        let standing = Standing { belief: &belief, used_to: UsedTo::Any, before: Before::Nothing };
        let bounds = Bounds { exploring: 0.5, ..BOUNDS };
        let (mut counts, mut said) = ([0.0; 16], [0.0; 16]);
        let draws = 40_000;
        for draw in 0..draws {
            let luck = [by_chance(2, draw, 0), by_chance(2, draw, 1)];
            let choice = plan.choose(&response, standing, bounds, luck).unwrap();
            counts[usize::from(choice.level)] += 1.0 / draws as f64;
            said[usize::from(choice.level)] = choice.propensity;
        }
        assert!(said.iter().filter(|said| **said > 0.0).count() > 1, "{said:?}");
        for (count, said) in counts.iter().zip(said) {
            assert!((count - said).abs() < 0.01, "{counts:?} {said:?}");
        }
    }

    #[test]
    fn a_dear_budget_gives_less_and_ends_promises_only_when_it_was_planned_anew() {
        let response = response();
        let belief = believed(&response, &[(8, true), (0, false), (8, true), (0, false), (8, true)]);
        let level = |price, before| {
            let standing = Standing { belief: &belief, used_to: UsedTo::Any, before };
            let bounds = Bounds { exploring: 0.0, ..BOUNDS };
            plan(&response, price).choose(&response, standing, bounds, [0.9, 0.5]).unwrap().level
        };
        let cheap = level(0.0, Before::Nothing);
        assert!(cheap > level(50.0, Before::Nothing), "{cheap}");
        assert_eq!(level(50.0, Before::Nothing), BOUNDS.least);
        assert_eq!(level(50.0, Before::Bought { level: 6, planned_anew: true }), BOUNDS.least);
        assert_eq!(level(50.0, Before::Bought { level: 6, planned_anew: false }), 6);
        assert_eq!(level(0.0, Before::Waited { level: 2 }), 2.min(cheap));
        // Waiting raises nobody to the least that others get.
        assert_eq!(level(0.0, Before::Waited { level: 0 }), 0);
    }

    #[test]
    fn who_answers_more_is_offered_more_than_who_comes_anyway() {
        let response = response();
        let plan = plan(&response, 0.1);
        let level = |weeks: &[(u8, bool)]| {
            let belief = believed(&response, weeks);
            let standing = Standing { belief: &belief, used_to: UsedTo::Any, before: Before::Nothing };
            plan.choose(&response, standing, Bounds { exploring: 0.0, ..BOUNDS }, [0.9, 0.5]).unwrap().level
        };
        let moved: Vec<_> = (0..24).map(|week| if week % 2 == 0 { (8, true) } else { (0, false) }).collect();
        let anyway: Vec<_> = (0..24).map(|week| (if week % 2 == 0 { 8 } else { 0 }, week % 4 < 2)).collect();
        assert!(level(&moved) > level(&anyway), "{} {}", level(&moved), level(&anyway));
    }

    #[test]
    fn a_stored_plan_that_is_none_is_found_out() {
        let response = response();
        let whole = plan(&response, 0.2);
        assert_eq!(whole.check(&response), Ok(()));
        let stored = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), whole);
        assert_eq!(Plan { price: f64::NAN, ..whole.clone() }.check(&response), Err(PlanError::NotANumber));
        assert_eq!(Plan { price: -1.0, ..whole.clone() }.check(&response), Err(PlanError::NotANumber));
        let mut other = response.clone();
        other.kinds.a.pop();
        other.kinds.b.pop();
        other.kinds.share.pop();
        assert_eq!(whole.check(&other.ready()), Err(PlanError::OtherModel));
    }
}
