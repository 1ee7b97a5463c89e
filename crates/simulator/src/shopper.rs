//! One shopper: what they are like, what they remember, and what a week with a rate on offer is to them.

use domain::{Amount, Rate};

use crate::chance::{Chance, Purpose};
use crate::truth::{Spread, Truth};

/// What never changes of a shopper.
#[derive(Clone, Debug)]
pub struct Shopper {
    pub(crate) chance: Chance,
    /// Log-odds of coming.
    visits: f64,
    /// Log-odds that ten percent give.
    response: f64,
    /// Things beside the first, on average.
    more: f64,
    is_strategic: bool,
    /// Up to each item of the menu, the share of what they take: rises to 1.
    taste: Vec<f64>,
    /// Of a thing that they take, by taste; minor units.
    mean_price: f64,
    mean_cost: f64,
    /// Up to this rate the floor cuts nothing of anything.
    uncut: Rate,
}

/// What a shopper remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct State {
    pub has_left: bool,
    pub came_last_week: bool,
    /// 0 to 1.
    pub habit: f64,
    /// The rates that they are used to, and those after a week in which they came or did not; in tenths.
    pub remembered: f64,
    pub after_coming: f64,
    pub after_waiting: f64,
}

/// What a visit was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// Places on the menu.
    pub items: Vec<u16>,
    /// At menu prices.
    pub gross: Amount,
    pub cost: Amount,
    pub discount: Amount,
}

impl Visit {
    #[must_use]
    pub fn margin(&self) -> Amount {
        self.gross - self.discount - self.cost
    }
}

/// What is to be expected of a week, by the truth itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// The probability of a visit.
    pub visit: f64,
    /// Minor units, whether they come or not.
    pub margin: f64,
    pub discount: f64,
}

/// Nobody buys more things beside the first on average, at whatever rate…
const MOST_MORE: f64 = 20.0;
/// …nor ever more than these, which a mean of 20 does not come to in 10^11 visits.
const MOST_ITEMS: u32 = 60;

impl Shopper {
    /// The shopper of this number; the truth must be checked.
    #[must_use]
    pub(crate) fn draw(truth: &Truth, seed: u64, number: u64) -> Self {
        let chance = Chance::of(seed, number);
        let normal = |round, spread: Spread| spread.mean + spread.deviation * chance.normal(Purpose::Trait, round);
        let share = |round| chance.uniform(Purpose::Trait, 1, round);
        let weights = (0_u32..)
            .zip(&truth.menu)
            .map(|(place, item)| item.popularity * (truth.taste * chance.normal(Purpose::Trait, 16 + place)).exp());
        let weights: Vec<f64> = weights.collect();
        let whole: f64 = weights.iter().sum();
        let mean = |of: fn(&crate::Item) -> i64| {
            weights.iter().zip(&truth.menu).map(|(weight, item)| weight / whole * of(item) as f64).sum()
        };
        let uncut = |item: &crate::Item| item.headroom(truth.floor()).0.saturating_mul(10_000) / item.price.0;
        let uncut = truth.menu.iter().map(uncut).min().unwrap_or(0);
        let mut so_far = 0.0;
        let taste = weights.iter().map(|weight| {
            so_far += weight / whole;
            so_far
        });
        let is_deaf = share(0) < truth.deaf;
        Self {
            chance,
            visits: normal(0, truth.visits),
            response: if is_deaf { 0.0 } else { normal(1, truth.response).max(0.0) },
            more: normal(2, truth.more).max(0.0),
            is_strategic: share(1) < truth.strategic,
            taste: taste.collect(),
            mean_price: mean(|item| item.price.0),
            mean_cost: mean(|item| item.cost.0),
            uncut: Rate(u32::try_from(uncut).unwrap_or(0)),
        }
    }

    /// By the truth.
    #[must_use]
    pub fn expected(&self, truth: &Truth, state: &State, week: u32, rate: Rate) -> Expected {
        let tenths = self.tenths(truth, rate);
        let visit = self.probability(truth, state, week, tenths);
        let (margin, discount) = self.mean_visit(truth, tenths);
        Expected { visit, margin: visit * margin, discount: visit * discount }
    }

    /// What a rate is to them: of what they take on average, in tenths, after the floor. A rate that the till does not give
    /// moves nobody.
    pub(crate) fn tenths(&self, truth: &Truth, rate: Rate) -> f64 {
        if rate <= self.uncut {
            return f64::from(rate.bp()) / 1_000.0;
        }
        let mut before = 0.0;
        let given = self.taste.iter().zip(&truth.menu).map(|(up_to, item)| {
            let share = up_to - before;
            before = *up_to;
            share * granted(item, truth, rate).0 as f64
        });
        10.0 * given.sum::<f64>() / self.mean_price
    }

    pub(crate) fn probability(&self, truth: &Truth, state: &State, week: u32, rate: f64) -> f64 {
        if state.has_left {
            return 0.0;
        }
        let season = truth.season * (std::f64::consts::TAU * (f64::from(week) - truth.season_week) / 52.0).cos();
        let mut odds = self.visits + season + truth.habit * state.habit + self.response * rate;
        if state.came_last_week {
            odds -= truth.satiation;
        }
        odds -= truth.disappointment * (state.remembered - rate).max(0.0);
        if self.is_strategic {
            odds -= truth.patience * (state.after_waiting - state.after_coming).max(0.0);
        }
        1.0 / (1.0 + (-odds).exp())
    }

    fn mean_more(&self, truth: &Truth, tenths: f64) -> f64 {
        (self.more * (1.0 + truth.larger * tenths)).min(MOST_MORE)
    }

    /// Lives through a week: the visit, if they come, and what they remember of it.
    pub(crate) fn live(&self, truth: &Truth, state: &mut State, week: u32, rate: Rate) -> Option<Visit> {
        if state.has_left {
            return None;
        }
        let tenths = self.tenths(truth, rate);
        let comes = self.chance.uniform(Purpose::Comes, week, 0) < self.probability(truth, state, week, tenths);
        self.remember(truth, state, tenths, comes);
        state.has_left = self.chance.uniform(Purpose::Leaves, week, 0) < self.leaves(truth, state);
        comes.then(|| self.buy(truth, week, rate, tenths))
    }

    /// What they remember of a week.
    pub(crate) fn remember(&self, truth: &Truth, state: &mut State, tenths: f64, came: bool) {
        let blend = |keeps: f64, old: f64, new: f64| keeps * old + (1.0 - keeps) * new;
        // What this week offers is what last week's coming or waiting led to.
        let led = if state.came_last_week { &mut state.after_coming } else { &mut state.after_waiting };
        *led = blend(truth.memory_keeps, *led, tenths);
        state.remembered = blend(truth.memory_keeps, state.remembered, tenths);
        state.habit = blend(truth.habit_keeps, state.habit, f64::from(u8::from(came)));
        state.came_last_week = came;
    }

    /// The probability of leaving for good after a week.
    pub(crate) fn leaves(&self, truth: &Truth, state: &State) -> f64 {
        truth.leaving * (1.0 - state.habit)
    }

    /// A visit's margin and discount on average, at a rate of so many tenths; minor units.
    pub(crate) fn mean_visit(&self, truth: &Truth, tenths: f64) -> (f64, f64) {
        let things = 1.0 + self.mean_more(truth, tenths);
        let discount = things * self.mean_price * tenths / 10.0;
        (things * (self.mean_price - self.mean_cost) - discount, discount)
    }

    fn buy(&self, truth: &Truth, week: u32, rate: Rate, tenths: f64) -> Visit {
        let count = 1 + poisson(self.mean_more(truth, tenths), self.chance.uniform(Purpose::More, week, 0));
        let mut visit = Visit::default();
        for thing in 0..count {
            let drawn = self.chance.uniform(Purpose::Chooses, week, thing);
            let place = self.taste.partition_point(|up_to| *up_to < drawn).min(truth.menu.len() - 1);
            let item = &truth.menu[place];
            visit.items.push(place as u16);
            visit.gross += item.price;
            visit.cost += item.cost;
            visit.discount += granted(item, truth, rate);
        }
        visit
    }
}

/// Of one thing, after the floor.
fn granted(item: &crate::Item, truth: &Truth, rate: Rate) -> Amount {
    Rate(rate.bp().min(10_000)).of(item.price).min(item.headroom(truth.floor()))
}

/// The count at a place between 0 and 1 of the Poisson distribution: a larger mean never gives fewer at the same place.
fn poisson(mean: f64, place: f64) -> u32 {
    let (mut count, mut probability) = (0, (-mean).exp());
    let mut so_far = probability;
    while so_far < place && count < MOST_ITEMS {
        count += 1;
        probability *= mean / f64::from(count);
        so_far += probability;
    }
    count
}
