//! The policies of a contest, as the crowd calls them.

use discount::experiment::{Measured, effect};
use discount::pilot;
use discount::promises::Promises;
use discount::response::{Basket, History, Levels};
use domain::{Amount, Rate};

use super::QUARTER;
use super::report::{Often, Quarter};
use crate::crowd::{Outcome, Policy};
use crate::oracle::Commitment;
use crate::shopper::Visit;

pub(super) fn basket(visit: &Visit) -> Basket {
    Basket { gross: visit.gross.0 as f32, cost: visit.cost.0 as f32, discount: visit.discount.0 as f32 }
}

fn margin(outcome: &Outcome<'_>) -> f64 {
    outcome.visit.map_or(0.0, |visit| visit.margin().0 as f64)
}

/// Offers by chance, logged.
pub(super) struct Pilot<'a> {
    levels: &'a Levels,
    seed: u64,
    pub(super) histories: Vec<History>,
}

impl<'a> Pilot<'a> {
    pub(super) fn new(levels: &'a Levels, seed: u64, shoppers: usize) -> Self {
        Self { levels, seed, histories: vec![History::default(); shoppers] }
    }
}

impl Policy for Pilot<'_> {
    fn offer(&mut self, shopper: usize, week: u32) -> Rate {
        let rates = self.levels.rates();
        rates[usize::from(pilot::offer(rates.len(), self.seed, shopper as u64, u64::from(week)).0)]
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        let history = &mut self.histories[outcome.shopper];
        history.offered.push(self.levels.place(outcome.rate));
        history.bought.push(outcome.visit.map(basket));
    }
}

/// Margin by quarter and shopper.
struct Kept {
    first_week: u32,
    shoppers: usize,
    margin: Vec<f64>,
}

impl Kept {
    fn new(first_week: u32, shoppers: usize) -> Self {
        Self { first_week, shoppers, margin: Vec::new() }
    }

    fn add(&mut self, outcome: &Outcome<'_>) {
        let quarter = ((outcome.week - self.first_week) / QUARTER) as usize;
        if self.margin.len() < (quarter + 1) * self.shoppers {
            self.margin.resize((quarter + 1) * self.shoppers, 0.0);
        }
        self.margin[quarter * self.shoppers + outcome.shopper] += margin(outcome);
    }

    fn quarter(&self, quarter: usize) -> &[f64] {
        &self.margin[quarter * self.shoppers..][..self.shoppers]
    }

    fn count(&self) -> usize {
        self.margin.len() / self.shoppers.max(1)
    }
}

/// A commitment a shopper, kept to.
pub(super) struct Committed {
    commitments: Vec<Commitment>,
    kept: Kept,
}

impl Committed {
    pub(super) fn new(commitments: Vec<Commitment>, first_week: u32) -> Self {
        let kept = Kept::new(first_week, commitments.len());
        Self { commitments, kept }
    }
}

impl Policy for Committed {
    fn offer(&mut self, shopper: usize, week: u32) -> Rate {
        self.commitments[shopper].rate_in(week)
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        self.kept.add(outcome);
    }
}

/// What many shops do: less for who comes often, more for who has not come lately.
pub(super) struct Rfm {
    shoppers: Vec<Seen>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    weeks: u32,
    visits: u32,
    since: u32,
}

impl Seen {
    fn week(&mut self, came: bool) {
        self.weeks += 1;
        self.visits += u32::from(came);
        self.since = if came { 0 } else { self.since + 1 };
    }
}

impl Rfm {
    pub(super) fn new(histories: &[History]) -> Self {
        let shoppers = histories.iter().map(|history| {
            let mut shopper = Seen::default();
            for bought in &history.bought {
                shopper.week(bought.is_some());
            }
            shopper
        });
        Self { shoppers: shoppers.collect() }
    }
}

impl Policy for Rfm {
    fn offer(&mut self, shopper: usize, _: u32) -> Rate {
        let Seen { weeks, visits, since } = self.shoppers[shopper];
        // The levels of `discount::Params`.
        let base = match Often::of(visits as usize, weeks as usize) {
            Often::Frequent => 500,
            Often::Regular => 750,
            Often::Occasional => 1_000,
        };
        let gap = weeks.checked_div(visits).unwrap_or(weeks);
        let extra = match since {
            _ if since > 4 * gap.max(1) => 500,
            _ if since > 2 * gap.max(1) => 250,
            _ => 0,
        };
        Rate(base + extra)
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        self.shoppers[outcome.shopper].week(outcome.visit.is_some());
    }
}

/// With fewer buyers among those held out there is nothing to be said: most of them brought nothing, and the few that did do not show how
/// different buyers are.
const DECIDABLE: usize = 50;

/// The engine, and what its marketing page would say of it.
pub(super) struct Promising {
    promises: Promises,
    levels: Levels,
    often: Vec<Often>,
    kept: Kept,
}

impl Promising {
    pub(super) fn new(promises: Promises, levels: &Levels, histories: &[History], first_week: u32) -> Self {
        let often = histories.iter().map(|history| {
            let visits = history.bought.iter().flatten().count();
            Often::of(visits, history.bought.len())
        });
        let kept = Kept::new(first_week, histories.len());
        Self { promises, levels: levels.clone(), often: often.collect(), kept }
    }

    /// What each quarter brought a shopper who is not held out, by how often they came in the pilot: as the shop can know it, and
    /// as it is. Groups of too few are left out.
    pub(super) fn quarters(&self, none: &Committed) -> Vec<Quarter> {
        let mut reports = Vec::new();
        for often in [Often::Frequent, Often::Regular, Often::Occasional] {
            let all = (0..self.often.len()).filter(|shopper| self.often[*shopper] == often);
            let (held_out, treated): (Vec<usize>, Vec<usize>) = all.partition(|one| self.promises.is_held_out(*one));
            for quarter in 0..self.kept.count().min(none.kept.count()) {
                let (with, without) = (self.kept.quarter(quarter), none.kept.quarter(quarter));
                let measured = |of: &[usize]| {
                    let one = |one: &usize| Measured { outcome: with[*one], before: self.promises.forecast(*one) };
                    of.iter().map(one).collect::<Vec<_>>()
                };
                let bought = held_out.iter().filter(|one| with[**one] != 0.0).count();
                if bought < DECIDABLE {
                    continue;
                }
                let Some(interval) = effect(measured(&treated), measured(&held_out)) else { continue };
                let truth = treated.iter().map(|one| with[*one] - without[*one]).sum::<f64>() / treated.len() as f64;
                let first_week = self.kept.first_week + QUARTER * quarter as u32;
                reports.push(Quarter { first_week, often, interval, truth });
            }
        }
        reports
    }
}

impl Policy for Promising {
    fn begin(&mut self, week: u32) -> bool {
        self.promises.begin(week);
        true
    }

    fn offer(&mut self, shopper: usize, _: u32) -> Rate {
        self.levels.rates()[usize::from(self.promises.level(shopper))]
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        self.kept.add(outcome);
        self.promises.learn(outcome.shopper, outcome.week, outcome.visit.map(basket));
    }
}

/// The engine among shoppers of whom some wait: whatever they wanted to buy they buy a week later, at what they are offered
/// then.
pub(super) struct Waited {
    engine: Promising,
    /// Every so many-th waits.
    every: usize,
    /// What they wanted last week, and what it was offered at.
    wanted: Vec<Option<(Visit, Rate)>>,
    at_once: Amount,
    waited: Amount,
    paid: Amount,
}

impl Waited {
    pub(super) fn new(engine: Promising, every: usize) -> Self {
        let wanted = vec![None; engine.often.len()];
        Self { engine, every, wanted, at_once: Amount::ZERO, waited: Amount::ZERO, paid: Amount::ZERO }
    }

    /// What waiting gained, of what was paid.
    pub(super) fn gain(&self) -> Option<f64> {
        (self.paid > Amount::ZERO).then(|| (self.waited - self.at_once).0 as f64 / self.paid.0 as f64)
    }
}

impl Policy for Waited {
    fn begin(&mut self, week: u32) -> bool {
        self.engine.begin(week)
    }

    fn offer(&mut self, shopper: usize, week: u32) -> Rate {
        self.engine.offer(shopper, week)
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        if !outcome.shopper.is_multiple_of(self.every) {
            self.engine.learn(outcome);
            return;
        }
        let now = outcome.visit.map(|visit| (visit.clone(), outcome.rate));
        let before = std::mem::replace(&mut self.wanted[outcome.shopper], now);
        let late = before.map(|(mut visit, rate)| {
            self.at_once += rate.of(visit.gross);
            visit.discount = outcome.rate.of(visit.gross);
            self.waited += visit.discount;
            self.paid += visit.gross - visit.discount;
            visit
        });
        self.engine.learn(&Outcome { visit: late.as_ref(), ..*outcome });
    }
}

/// A policy whose weeks end when nobody wants to know any more.
pub(super) struct Watched<'a> {
    pub(super) policy: &'a mut dyn Policy,
    pub(super) goes_on: &'a dyn Fn() -> bool,
}

impl Policy for Watched<'_> {
    fn begin(&mut self, week: u32) -> bool {
        (self.goes_on)() && self.policy.begin(week)
    }

    fn offer(&mut self, shopper: usize, week: u32) -> Rate {
        self.policy.offer(shopper, week)
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        self.policy.learn(outcome);
    }
}
