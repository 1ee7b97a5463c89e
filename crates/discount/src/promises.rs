//! Who is promised which rate, for as long as a period lasts and within its budget.
//!
//! The shop leads: it says what it will give, and keeps to it. Customers answer (`commitment`). So that no answer is to wait
//! (law 8), what is promised moves only so:
//!
//! - a week without a purchase never raises it,
//! - a week with a purchase never lowers it, but for the budget's sake, which lowers by its price whoever has it dearest,
//! - who is held out, and who is not, was decided by chance before anything was known of them.
//!
//! Plans are made anew some times a period, and from the second plan on at once for whoever buys: with what was learned of them since,
//! at the budget's price as it is.

use domain::Amount;

use crate::allocation::{Level, Menus, allocate};
use crate::commitment::{Futures, Prospect, UsedTo};
use crate::pilot::is_held_out;
use crate::response::{Basket, Belief, Response};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// The week after the last of the period.
    pub end: u32,
    /// What discounts may cost until then.
    pub budget: Amount,
    /// Of all customers, how many are held out for good: 0 to 1.
    pub held_out: f64,
    /// Weeks from one plan to the next.
    pub plan_every: u32,
    pub seed: u64,
}

#[derive(Clone, Debug)]
struct Promise {
    level: u8,
    /// What they were expected to bring without a discount when the first plan was made; minor units.
    forecast: f64,
    /// What they were offered before this plan.
    used_to: UsedTo,
    bought: bool,
    held_out: bool,
}

/// The promises of all customers, by their number.
#[derive(Debug)]
pub struct Promises {
    response: Response,
    terms: Terms,
    beliefs: Vec<Belief>,
    promises: Vec<Promise>,
    plan: Option<Plan>,
    spent: Amount,
    /// Reused by every look at one customer.
    prospects: Vec<Prospect>,
}

#[derive(Debug)]
struct Plan {
    week: u32,
    futures: Futures,
    /// Of the budget.
    price: f64,
    /// What it expected to spend until the end, and what had been spent before.
    to_spend: f64,
    spent_before: Amount,
}

/// What is planned to be spent, of what may be: answers are not known that well.
const AIM: f64 = 0.99;
/// What keeping a promise is worth at least, in minor units: the first to go where the budget is short.
pub(crate) const KEPT: f64 = 1.0;
/// A plan that spends so much more than it should have is made anew before its time, but not at once.
const SOON: u32 = 4;
const ASTRAY: f64 = 1.03;

impl Promises {
    /// What is believed of each customer must come from this response.
    #[must_use]
    pub fn new(response: Response, beliefs: Vec<Belief>, terms: Terms) -> Self {
        let held_out = |customer: usize| is_held_out(terms.seed, terms.held_out, customer as u64);
        let promise = |held_out| Promise { level: 0, forecast: 0.0, used_to: UsedTo::Any, bought: true, held_out };
        let promises = (0..beliefs.len()).map(|customer| promise(held_out(customer))).collect();
        Self { response, terms, beliefs, promises, plan: None, spent: Amount::ZERO, prospects: Vec::new() }
    }

    /// A week begins.
    pub fn begin(&mut self, week: u32) {
        let is_due = self.plan.as_ref().is_none_or(|plan| {
            let whole = f64::from(self.terms.end.saturating_sub(plan.week).max(1));
            let due = plan.to_spend * f64::from(week - plan.week.min(week)) / whole;
            let spent = (self.spent - plan.spent_before).0 as f64;
            week >= plan.week.saturating_add(self.terms.plan_every)
                || (week >= plan.week.saturating_add(SOON) && self.budget_binds() && spent > ASTRAY * due)
        });
        if is_due {
            self.make_plan(week);
        }
    }

    fn budget_binds(&self) -> bool {
        self.terms.budget < Amount(i64::MAX)
    }

    fn make_plan(&mut self, week: u32) {
        let weeks = self.terms.end.saturating_sub(week).max(1);
        let seed = self.terms.seed ^ u64::from(week);
        let futures = Futures::follow(&self.response, week, weeks, seed, self.plan.is_some());
        let (mut menus, mut firsts) = (Menus::default(), Vec::with_capacity(self.promises.len()));
        for (promise, belief) in self.promises.iter_mut().zip(&self.beliefs) {
            futures.of(&self.response, belief, promise.used_to, &mut self.prospects);
            let none = self.prospects.first().map_or(0.0, |prospect| prospect.margin);
            if self.plan.is_none() {
                promise.forecast = none;
            }
            if promise.held_out {
                menus.push([]);
                firsts.push(1);
                continue;
            }
            // Who did not buy gets no more than before; who bought no less, unless the budget is dearer than what it brings.
            let (least, most) = if promise.bought { (promise.level, u8::MAX) } else { (0, promise.level) };
            let on_menu = (0..=most).zip(&self.prospects).skip(usize::from(least.max(1)));
            menus.push(on_menu.map(|(_, prospect)| Level {
                cost: Amount(prospect.discount.round() as i64),
                gain: if least > 0 { (prospect.margin - none).max(KEPT) } else { prospect.margin - none },
            }));
            firsts.push(least.max(1));
        }
        let left = (self.terms.budget - self.spent).max(Amount::ZERO);
        let budget = if self.budget_binds() { Amount((AIM * left.0 as f64) as i64) } else { left };
        let allocation = allocate(&menus, budget);
        for ((promise, chosen), first) in self.promises.iter_mut().zip(&allocation.chosen).zip(firsts) {
            promise.level = chosen.map_or(0, |place| place as u8 + first);
            promise.used_to = UsedTo::Level(promise.level);
        }
        self.plan = Some(Plan {
            week,
            futures,
            price: allocation.shadow_price,
            to_spend: allocation.cost.0 as f64,
            spent_before: self.spent,
        });
    }

    /// The level that a customer is promised; none once the budget is used up.
    #[must_use]
    pub fn level(&self, customer: usize) -> u8 {
        if self.spent >= self.terms.budget {
            return 0;
        }
        self.promises.get(customer).map_or(0, |promise| promise.level)
    }

    /// What a customer was expected to bring without a discount when the first plan was made, until the end; minor units. Known before any
    /// promise was, so that it may be held against what they then brought.
    #[must_use]
    pub fn forecast(&self, customer: usize) -> f64 {
        self.promises.get(customer).map_or(0.0, |promise| promise.forecast)
    }

    #[must_use]
    pub fn is_held_out(&self, customer: usize) -> bool {
        self.promises.get(customer).is_some_and(|promise| promise.held_out)
    }

    /// A customer's week went by, with what they were promised. A purchase may raise what they are promised from now on.
    pub fn learn(&mut self, customer: usize, week: u32, bought: Option<Basket>) {
        let level = self.level(customer);
        let (Some(promise), Some(belief)) = (self.promises.get_mut(customer), self.beliefs.get_mut(customer)) else {
            return;
        };
        belief.learn(&self.response, week, level, bought);
        promise.bought = bought.is_some();
        let Some(bought) = bought else { return };
        self.spent += Amount(f64::from(bought.discount).round() as i64);
        let Some(plan) = self.plan.as_ref().filter(|plan| plan.futures.knows_starts() && !promise.held_out) else {
            return;
        };
        plan.futures.of(&self.response, belief, promise.used_to, &mut self.prospects);
        let worth = |prospect: &Prospect| prospect.margin - plan.price * prospect.discount;
        let best = (0_u8..).zip(&self.prospects).max_by(|one, two| worth(one.1).total_cmp(&worth(two.1)));
        promise.level = best.map_or(promise.level, |(level, _)| level.max(promise.level));
    }
}

#[cfg(test)]
mod tests {
    use domain::Rate;
    use proptest::prelude::*;

    use super::*;
    use crate::response::{Effects, Kinds, Levels};

    fn response() -> Response {
        let levels = Levels::new([0, 500, 1_000, 2_000].map(Rate).to_vec()).unwrap();
        Response {
            taken_off: vec![0.0, 0.05, 0.1, 0.2],
            levels,
            effects: Effects {
                reference: 0.2,
                reference_keeps: 0.8,
                patience: 0.1,
                habit: 0.8,
                habit_keeps: 0.8,
                rest: 0.2,
                season: [0.0; 2],
                leaving: 0.01,
            },
            kinds: Kinds {
                a: vec![-2.0, -1.0, 0.0, -2.0, -1.0, 0.0],
                b: vec![0.0, 0.0, 0.0, 0.6, 0.9, 0.6],
                share: vec![1.0 / 6.0; 6],
            },
            larger: 0.02,
            gross: 700.0,
            cost_share: 0.4,
            gross_weight: 5.0,
            odds: Vec::new(),
        }
        .ready()
    }

    fn promises(customers: usize, budget: i64, held_out: f64) -> Promises {
        let response = response();
        let beliefs = vec![Belief::new(&response); customers];
        let terms = Terms { end: 26, budget: Amount(budget), held_out, plan_every: 4, seed: 9 };
        Promises::new(response, beliefs, terms)
    }

    fn bought(level: u8) -> Option<Basket> {
        let discount = 700.0 * [0.0, 0.05, 0.1, 0.2][usize::from(level)];
        Some(Basket { gross: 700.0, cost: 280.0, discount })
    }

    #[test]
    fn who_is_held_out_is_promised_nothing_ever() {
        let mut promises = promises(2_000, i64::MAX, 0.1);
        let held_out: Vec<usize> = (0..2_000).filter(|customer| promises.is_held_out(*customer)).collect();
        assert!((150..250).contains(&held_out.len()), "{}", held_out.len());
        for week in 0..26 {
            promises.begin(week);
            for customer in &held_out {
                assert_eq!(promises.level(*customer), 0);
                promises.learn(*customer, week, bought(0));
            }
        }
        assert!((0..2_000).any(|customer| promises.level(customer) > 0), "the others are promised something");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// Law 8, week by week: without a purchase no promise rises; with one none falls while the budget does not bind.
        #[test]
        fn waiting_never_raises_and_buying_never_lowers(luck in prop::collection::vec(any::<bool>(), 26 * 40)) {
            let mut promises = promises(40, i64::MAX, 0.0);
            let mut before: Option<Vec<u8>> = None;
            for week in 0..26_u32 {
                promises.begin(week);
                let now: Vec<u8> = (0..40).map(|customer| promises.level(customer)).collect();
                if let Some(before) = before {
                    for (customer, (before, now)) in before.iter().zip(&now).enumerate() {
                        let came = luck[(week as usize - 1) * 40 + customer];
                        prop_assert!(if came { now >= before } else { now <= before }, "{customer} in week {week}");
                    }
                }
                for (customer, level) in now.iter().enumerate() {
                    let came = luck[week as usize * 40 + customer];
                    promises.learn(customer, week, if came { bought(*level) } else { None });
                }
                before = Some(now);
            }
        }

        /// Whatever customers do, once the budget is used up nothing is promised, and what the last one got is all it can be over.
        #[test]
        fn a_budget_that_is_used_up_ends_all_promises(budget in 0_i64..60_000, luck in prop::collection::vec(0_u8..4, 26 * 40)) {
            let mut promises = promises(40, budget, 0.0);
            let mut spent = 0.0;
            for week in 0..26_u32 {
                promises.begin(week);
                for customer in 0..40 {
                    let level = promises.level(customer);
                    prop_assert!(spent < budget as f64 || level == 0);
                    let basket = if luck[week as usize * 40 + customer] > 0 { bought(level) } else { None };
                    spent += basket.map_or(0.0, |basket| f64::from(basket.discount));
                    promises.learn(customer, week, basket);
                }
            }
            prop_assert!(spent <= budget as f64 + 140.0);
        }
    }

    #[test]
    fn a_smaller_budget_promises_less() {
        let promised = |budget| {
            let mut promises = promises(500, budget, 0.0);
            promises.begin(0);
            (0..500).map(|customer| u32::from(promises.level(customer))).sum::<u32>()
        };
        let (none, some, all) = (promised(0), promised(100_000), promised(i64::MAX));
        assert!(none == 0 && some > 0 && some < all, "{none} {some} {all}");
    }

    #[test]
    fn numbers_of_nobody_change_nothing() {
        let mut promises = promises(3, 1_000, 0.0);
        promises.begin(0);
        promises.learn(7, 0, bought(1));
        assert_eq!((promises.level(7), promises.is_held_out(7)), (0, false));
    }
}
