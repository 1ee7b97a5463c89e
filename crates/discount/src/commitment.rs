//! What it is worth to promise a customer a rate and keep to it.
//!
//! A promise is answered by everything that a customer does in the time it lasts: they come more often, that becomes a habit,
//! who has a habit leaves less, and who is used to a rate is not disappointed by it. What a rate is worth is therefore found by
//! following each kind of customer through the whole time, not by the next week alone.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use serde::{Deserialize, Serialize};

use crate::response::{Belief, Memory, Response, tenths};

/// Visits to be expected of one who is still here, by what they were used to, kind and level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Futures {
    levels: usize,
    kinds: usize,
    visits: Vec<f32>,
}

/// What one level is expected to bring of one customer; minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prospect {
    pub margin: f64,
    pub discount: f64,
}

/// Customers of each kind who are followed.
const FOLLOWED: usize = 64;
/// How long they live under what they are used to first, so that they begin as such a customer is found.
const BEFORE: u32 = 24;
/// Whole years, so that the past has a week and the season stays what it is.
const YEARS_BEFORE: u32 = 52;

/// What a customer was offered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedTo {
    /// Each level by chance.
    Any,
    Level(u8),
}

impl Futures {
    /// Follows each kind through `weeks` from `week` on under each level; where `starts`, from each level that they may be used
    /// to, otherwise from offers by chance. All levels meet the same luck.
    #[must_use]
    pub fn follow(response: &Response, week: u32, weeks: u32, seed: u64, starts: bool) -> Self {
        let levels = response.levels.rates().len();
        let kinds = response.kinds.len();
        let starts = if starts { levels + 1 } else { 1 };
        let mut visits = vec![0.0_f32; starts * kinds * levels];
        let effects = &response.effects;
        let tenths: Vec<f64> = response.levels.rates().iter().map(|rate| tenths(*rate)).collect();
        let all = (BEFORE + weeks) as usize;
        let first_week = week.saturating_add(YEARS_BEFORE) - BEFORE;
        let season: Vec<f64> = (first_week..).take(all).map(|week| effects.season_of(week)).collect();
        // The log-odds from which on they come, and for the past what they are offered by chance.
        let (mut thresholds, mut by_chance) = (vec![0.0_f64; all], vec![0_usize; BEFORE as usize]);
        for kind in 0..kinds {
            let mut luck = Xoshiro256PlusPlus::seed_from_u64(seed ^ kind as u64);
            let mut drawn = move || ((luck.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            let (a, b) = (f64::from(response.kinds.a[kind]), f64::from(response.kinds.b[kind]));
            for _ in 0..FOLLOWED {
                for (threshold, season) in thresholds.iter_mut().zip(&season) {
                    let place = drawn();
                    *threshold = (place / (1.0 - place)).ln() - a - season;
                }
                for level in &mut by_chance {
                    *level = ((drawn() * levels as f64) as usize).min(levels - 1);
                }
                let comes = |memory: &Memory, at: usize, tenths: f64| {
                    b * tenths + effects.of_memory(memory, tenths) > thresholds[at]
                };
                for start in 0..starts {
                    let mut now = Memory::default();
                    for (past, by_chance) in by_chance.iter().enumerate() {
                        let tenths = tenths[if start == 0 { *by_chance } else { start - 1 }];
                        let came = comes(&now, past, tenths);
                        now.after(effects, tenths, came);
                    }
                    for (level, tenths) in tenths.iter().enumerate() {
                        let mut memory = now;
                        let (mut here, mut sum) = (1.0, 0.0);
                        for at in BEFORE as usize..all {
                            let came = comes(&memory, at, *tenths);
                            if came {
                                sum += here;
                            }
                            memory.after(effects, *tenths, came);
                            here *= 1.0 - effects.leaving * (1.0 - memory.habit);
                        }
                        visits[(start * kinds + kind) * levels + level] += sum as f32 / FOLLOWED as f32;
                    }
                }
            }
        }
        Self { levels, kinds, visits }
    }

    /// Whether what customers were used to was told apart.
    #[must_use]
    pub fn knows_starts(&self) -> bool {
        self.visits.len() > self.kinds * self.levels
    }

    /// Whether these are of such a response, and numbers; to be asked of what was stored.
    #[must_use]
    pub fn fit(&self, response: &Response) -> bool {
        let Self { levels, kinds, visits } = self;
        let starts = [1, levels + 1].map(|starts| starts * kinds * levels);
        *levels == response.levels.rates().len()
            && *kinds == response.kinds.len()
            && starts.contains(&visits.len())
            && visits.iter().all(|visits| (0.0..=1e6).contains(visits))
    }

    /// Per level, what is to be expected of a customer.
    pub fn of(&self, response: &Response, belief: &Belief, used_to: UsedTo, out: &mut Vec<Prospect>) {
        let mut visits = [0.0_f32; 16];
        for (here, row) in belief.here().iter().zip(self.by_kind(used_to)) {
            for (sum, one) in visits.iter_mut().zip(row) {
                *sum += here * one;
            }
        }
        prospects(response, belief, &visits, out);
    }

    /// The same, were they for certain of this kind and still here.
    pub fn of_kind(&self, response: &Response, belief: &Belief, used_to: UsedTo, kind: usize, out: &mut Vec<Prospect>) {
        prospects(response, belief, self.by_kind(used_to).nth(kind).unwrap_or_default(), out);
    }

    /// Visits to be expected of each kind, by level.
    fn by_kind(&self, used_to: UsedTo) -> impl Iterator<Item = &[f32]> {
        let start = match used_to {
            UsedTo::Level(level) if self.knows_starts() => (usize::from(level) + 1).min(self.levels),
            _ => 0,
        };
        self.visits[start * self.kinds * self.levels..][..self.kinds * self.levels].chunks_exact(self.levels)
    }
}

/// What so many visits by level bring.
fn prospects(response: &Response, belief: &Belief, visits: &[f32], out: &mut Vec<Prospect>) {
    let (gross, cost) = belief.basket(response);
    out.clear();
    let levels = response.levels.rates().iter().zip(&response.taken_off).zip(visits);
    out.extend(levels.map(|((rate, taken_off), visits)| {
        let larger = 1.0 + response.larger * tenths(*rate);
        let discount = f64::from(*visits) * larger * gross * taken_off;
        Prospect { margin: f64::from(*visits) * larger * (gross - cost) - discount, discount }
    }));
}

#[cfg(test)]
mod tests {
    use domain::Rate;

    use super::*;
    use crate::response::{Effects, Kinds, Levels};

    fn response(effects: Effects, a: f32, b: f32) -> Response {
        let rates: Vec<Rate> = (0..16).map(|step| Rate(250 * step)).collect();
        Response {
            taken_off: rates.iter().map(|rate| tenths(*rate) / 10.0).collect(),
            levels: Levels::new(rates).unwrap(),
            effects,
            kinds: Kinds { a: vec![a], b: vec![b], share: vec![1.0] },
            larger: 0.0,
            gross: 1_000.0,
            cost_share: 0.4,
            gross_weight: 1.0,
            odds: Vec::new(),
        }
        .ready()
    }

    const WITHOUT_MEMORY: Effects = Effects {
        reference: 0.0,
        reference_keeps: 0.5,
        patience: 0.0,
        habit: 0.0,
        habit_keeps: 0.5,
        rest: 0.0,
        season: [0.0; 2],
        leaving: 0.0,
    };

    fn best(response: &Response, weeks: u32) -> (usize, Vec<Prospect>) {
        let futures = Futures::follow(response, 0, weeks, 1, false);
        let mut prospects = Vec::new();
        futures.of(response, &Belief::new(response), UsedTo::Any, &mut prospects);
        let best = (0..prospects.len()).max_by(|a, b| prospects[*a].margin.total_cmp(&prospects[*b].margin)).unwrap();
        (best, prospects)
    }

    /// Who remembers nothing answers each week alike: the logit's own optimum, by Lambert's W (`game`).
    #[test]
    fn without_memory_the_best_rate_is_the_logits_optimum() {
        for (a, b) in [(-1.5_f32, 0.5_f32), (-0.5, 0.8), (-2.0, 0.3), (0.5, 0.1)] {
            let response = response(WITHOUT_MEMORY, a, b);
            let (best, prospects) = best(&response, 2_000);
            let demand = crate::game::Logit { a: f64::from(a), b: f64::from(b) / 100.0, price: 1_000.0 };
            let wanted = (demand.price - demand.best_price(400.0)).clamp(0.0, 375.0) / 25.0;
            assert!((best as f64 - wanted).abs() <= 1.0, "{a} {b}: {best} {wanted}");
            for (level, prospect) in prospects.iter().enumerate() {
                let paid = 1_000.0 - 25.0 * level as f64;
                let wanted = 2_000.0 * demand.at(paid) * (paid - 400.0);
                assert!((prospect.margin / wanted - 1.0).abs() < 0.02, "{level}: {prospect:?} {wanted}");
            }
        }
    }

    /// Visits that make a habit are worth more than themselves; who is disappointed by less is worth a promise.
    #[test]
    fn habit_and_leaving_make_a_promise_worth_more() {
        let gain = |effects: Effects| {
            let prospects = best(&response(effects, -1.5, 0.5), 52).1;
            prospects[6].margin / prospects[0].margin
        };
        let plain = gain(WITHOUT_MEMORY);
        assert!(gain(Effects { habit: 1.5, habit_keeps: 0.8, ..WITHOUT_MEMORY }) > plain);
        assert!(gain(Effects { leaving: 0.03, habit_keeps: 0.8, ..WITHOUT_MEMORY }) > plain);
    }

    #[test]
    fn who_was_used_to_more_comes_less_for_a_while() {
        let effects = Effects { reference: 0.5, reference_keeps: 0.9, ..WITHOUT_MEMORY };
        let response = response(effects, -1.0, 0.3);
        let futures = Futures::follow(&response, 0, 26, 1, true);
        let visits = |used_to| {
            let mut prospects = Vec::new();
            futures.of(&response, &Belief::new(&response), used_to, &mut prospects);
            prospects[2].margin
        };
        assert!(visits(UsedTo::Level(12)) < 0.97 * visits(UsedTo::Level(2)));
        assert_eq!(visits(UsedTo::Level(0)), visits(UsedTo::Level(2)), "more than one is used to disappoints nobody");
    }
}
