//! How a customer answers a discount, learned from logged offers: whether they come in a week, and what they then buy.
//!
//! A week's log-odds of coming are `a + b d` of the customer, plus what all customers share: a habit, a rest after a visit,
//! the season, and what an offer under the remembered one costs (the reference effect of Greenleaf 1995). Some leave for good,
//! those with little habit first, and nobody sees when (buy till you die: Schmittlein, Morrison and Colombo 1987). What `a`
//! and `b` are is never known of anybody; how they are spread over customers is: a mixture of [`Kinds`], without a shape being
//! assumed, by maximum likelihood (Kiefer and Wolfowitz 1956; Heckman and Singer 1984). What is believed of one customer is
//! then Bayes' rule over the kinds, a multiplication a week.
//!
//! `b` is never below zero: no discount keeps anybody away.

mod baskets;
mod belief;
mod fit;

use domain::Rate;
use serde::{Deserialize, Serialize};

pub use belief::{Belief, Memory};
pub use fit::{FitError, FitReport, fit, fit_told};

/// The rates that may be offered: the first is none, each is above the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Levels(Vec<Rate>);

impl Default for Levels {
    /// Nothing.
    fn default() -> Self {
        Self(vec![Rate::ZERO])
    }
}

impl Levels {
    /// `None` where they do not rise from nothing to 100 % at most, or are more than sixteen.
    #[must_use]
    pub fn new(rates: Vec<Rate>) -> Option<Self> {
        let rises = rates.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = (1..=16).contains(&rates.len()) && rates[0] == Rate::ZERO && rates.iter().all(|r| *r <= Rate::WHOLE);
        (rises && fits).then_some(Self(rates))
    }

    #[must_use]
    pub fn rates(&self) -> &[Rate] {
        &self.0
    }

    /// Every so much from nothing to the most, at the most sixteen of them.
    #[must_use]
    pub fn steps(step: Rate, most: Rate) -> Self {
        let step = step.bp().max(1);
        Self((0..=most.bp().min(Rate::WHOLE.bp()) / step).take(16).map(|times| Rate(times * step)).collect())
    }

    #[must_use]
    pub fn highest(&self) -> u8 {
        self.0.len().saturating_sub(1) as u8
    }

    /// The place of a rate, or of the next below it.
    #[must_use]
    pub fn place(&self, rate: Rate) -> u8 {
        (self.0.partition_point(|level| *level <= rate).max(1) - 1) as u8
    }
}

/// What a purchase was, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Basket {
    /// At shelf prices.
    pub gross: f32,
    pub cost: f32,
    pub discount: f32,
}

/// One customer's logged weeks, without a gap.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The number of the first one; the season counts from week 0.
    pub first_week: u32,
    /// The place of what was offered.
    pub offered: Vec<u8>,
    /// What was bought; `None` in weeks without a purchase.
    pub bought: Vec<Option<Basket>>,
}

/// What all customers share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effects {
    /// Log-odds that an offer ten percent under the remembered one costs.
    pub reference: f64,
    /// How much of the remembered offers stays from week to week.
    pub reference_keeps: f64,
    /// Log-odds that it costs where weeks after one without a visit were offered ten percent more than weeks after one with.
    pub patience: f64,
    /// Log-odds that a full habit gives, and how much of a habit stays.
    pub habit: f64,
    pub habit_keeps: f64,
    /// Log-odds lost in the week after a visit.
    pub rest: f64,
    /// Log-odds by the cosine and the sine of the week of the year.
    pub season: [f64; 2],
    /// The probability a week of leaving for good, without any habit.
    pub leaving: f64,
}

/// Customers of one kind answer alike: a point of the grid of `a` and `b`, and the share of customers who are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kinds {
    pub a: Vec<f32>,
    pub b: Vec<f32>,
    pub share: Vec<f32>,
}

/// How customers answer discounts: a value that can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    pub levels: Levels,
    pub effects: Effects,
    pub kinds: Kinds,
    /// Per level: what it takes off a basket, of what the basket costs at the shelf. Less than the rate where the floor cuts.
    pub taken_off: Vec<f64>,
    /// By how much ten percent make what is bought more.
    pub larger: f64,
    /// What everybody's purchase is worth at shelf prices without a discount, the share of it that is cost, and how many
    /// purchases of a customer weigh as much as everybody's.
    pub gross: f64,
    pub cost_share: f64,
    pub gross_weight: f64,
    /// The odds of *not* coming without anything shared, by level and kind.
    #[serde(skip)]
    pub(crate) odds: Vec<f32>,
}

impl Kinds {
    #[must_use]
    pub fn len(&self) -> usize {
        self.a.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.a.is_empty()
    }
}

/// A rate in tenths: one is ten percent.
pub(crate) fn tenths(rate: Rate) -> f64 {
    f64::from(rate.bp()) / 1_000.0
}

/// Why a stored response cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    #[error("a number of it is not a number, or out of bounds")]
    NotANumber,
    #[error("its parts are not of the same size")]
    Ragged,
    #[error("what is not stored of it was not worked out: call `ready`")]
    NotReady,
}

impl Response {
    /// Whether a response that was stored somewhere can be trusted to be one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), ResponseError> {
        let Self { levels, effects, kinds, taken_off, larger, gross, cost_share, gross_weight, odds } = self;
        let is_ragged = kinds.is_empty()
            || kinds.b.len() != kinds.len()
            || kinds.share.len() != kinds.len()
            || taken_off.len() != levels.rates().len()
            || Levels::new(levels.rates().to_vec()).is_none();
        if is_ragged {
            return Err(ResponseError::Ragged);
        }
        if odds.len() != kinds.len() * levels.rates().len() {
            return Err(ResponseError::NotReady);
        }
        let Effects { reference, reference_keeps, patience, habit, habit_keeps, rest, season, leaving } = effects;
        let shares = [*reference_keeps, *habit_keeps, *leaving, *cost_share];
        let amounts = [*reference, *patience, *larger, *gross, *gross_weight];
        let numbers = [*habit, *rest, season[0], season[1]];
        let in_bounds = shares.iter().all(|share| (0.0..=1.0).contains(share))
            && taken_off.iter().all(|share| (0.0..=1.0).contains(share))
            && amounts.iter().all(|amount| (0.0..=1e12).contains(amount))
            && numbers.iter().all(|number| number.abs() <= 100.0)
            && *gross_weight > 0.0
            && kinds.a.iter().all(|a| a.abs() <= 100.0)
            && kinds.b.iter().all(|b| (0.0..=100.0).contains(b))
            && kinds.share.iter().all(|share| (0.0..=1.0).contains(share));
        if in_bounds { Ok(()) } else { Err(ResponseError::NotANumber) }
    }

    /// Works out what is not stored; call it after reading a stored one.
    #[must_use]
    pub fn ready(mut self) -> Self {
        self.odds = odds(&self.levels, &self.kinds);
        self
    }

    /// Per kind, at this level.
    pub(crate) fn odds_at(&self, level: u8) -> &[f32] {
        let kinds = self.kinds.len();
        &self.odds[usize::from(level) * kinds..][..kinds]
    }
}

pub(crate) fn odds(levels: &Levels, kinds: &Kinds) -> Vec<f32> {
    let at = |rate: &Rate| {
        let tenths = tenths(*rate) as f32;
        kinds.a.iter().zip(&kinds.b).map(move |(a, b)| (-(a + b * tenths)).exp())
    };
    levels.rates().iter().flat_map(at).collect()
}

impl Effects {
    /// What all share of a week's log-odds.
    pub(crate) fn shared(&self, memory: &Memory, week: u32, tenths: f64) -> f64 {
        self.season_of(week) + self.of_memory(memory, tenths)
    }

    pub(crate) fn season_of(&self, week: u32) -> f64 {
        let angle = std::f64::consts::TAU * f64::from(week % 52) / 52.0;
        self.season[0] * angle.cos() + self.season[1] * angle.sin()
    }

    pub(crate) fn of_memory(&self, memory: &Memory, tenths: f64) -> f64 {
        let disappointed = self.reference * (memory.remembered - tenths).max(0.0);
        let rest = if memory.came { self.rest } else { 0.0 };
        let waits = self.patience * (memory.after_waiting - memory.after_coming).max(0.0);
        self.habit * memory.habit - rest - disappointed - waits
    }
}
