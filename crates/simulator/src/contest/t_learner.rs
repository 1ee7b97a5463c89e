//! A T-learner without the game: a model per rate of the next week's margin (Künzel, Sekhon, Bickel and Yu 2019), by gradient
//! boosting, and whoever is foretold to bring most gets it. What a rate makes of the weeks after is nothing to it.

use discount::allocation::{Level, Menus, allocate};
use discount::boosting::{Forest, Growth, GrowthError, Objective, Table};
use discount::pilot;
use discount::response::{Basket, History, Levels};
use domain::{Amount, Rate};

use super::policies::basket;
use crate::crowd::{Outcome, Policy};

const FEATURES: usize = 10;
/// Rows by which one rate's model is grown, at most.
const ROWS: usize = 15_000;
/// Weeks for which a choice holds.
const HOLDS: u32 = 4;

/// What a shop knows of a shopper: how often they came of late and ever, after which offers, and what they bought.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    weeks: f64,
    visits: f64,
    since: f64,
    lately: f64,
    in_season: f64,
    offered: f64,
    /// Weeks of small and of large offers, and visits in them.
    small: (f64, f64),
    large: (f64, f64),
    gross: f64,
    cost: f64,
}

impl Known {
    fn week(&mut self, tenths: f64, bought: Option<Basket>) {
        let came = f64::from(u8::from(bought.is_some()));
        self.weeks += 1.0;
        self.visits += came;
        self.since = if bought.is_some() { 0.0 } else { self.since + 1.0 };
        self.lately += 0.25 * (came - self.lately);
        self.in_season += 0.08 * (came - self.in_season);
        self.offered += 0.2 * (tenths - self.offered);
        let side = if tenths < 1.0 { &mut self.small } else { &mut self.large };
        (side.0, side.1) = (side.0 + 1.0, side.1 + came);
        if let Some(bought) = bought {
            self.gross += f64::from(bought.gross);
            self.cost += f64::from(bought.cost);
        }
    }

    fn features(&self, week: u32) -> [f64; FEATURES] {
        let angle = std::f64::consts::TAU * f64::from(week % 52) / 52.0;
        let share = |(weeks, visits): (f64, f64)| visits / weeks;
        [
            self.visits / self.weeks,
            self.since,
            self.lately,
            self.in_season,
            self.offered,
            share(self.large) - share(self.small),
            self.gross / self.visits,
            self.cost / self.gross,
            angle.cos(),
            angle.sin(),
        ]
    }
}

pub(super) struct TLearner {
    levels: Levels,
    models: Vec<Forest>,
    known: Vec<Known>,
    chosen: Vec<Rate>,
    chosen_in: Option<u32>,
    left: Amount,
    end: u32,
}

impl TLearner {
    pub(super) fn learn_of(
        histories: &[History],
        levels: &Levels,
        budget: Amount,
        end: u32,
    ) -> Result<Self, GrowthError> {
        let tenths: Vec<f64> = levels.rates().iter().map(|rate| f64::from(rate.bp()) / 1_000.0).collect();
        let mut rows = vec![(Vec::new(), Vec::new()); levels.rates().len()];
        let mut met = vec![0_usize; levels.rates().len()];
        let mut known = vec![Known::default(); histories.len()];
        let weeks = histories.first().map_or(0, |history| history.offered.len());
        for week in 0..weeks {
            for (history, known) in histories.iter().zip(&mut known) {
                let (level, bought) = (usize::from(history.offered[week]), history.bought[week]);
                let (features, outcomes) = &mut rows[level];
                // The first weeks know nothing of anybody yet; of what was offered often, every so many-th row of all the others.
                let often = pilot::propensity(levels.rates().len(), level) * (histories.len() * weeks) as f64;
                let every = (often / (2 * ROWS) as f64).max(1.0) as usize;
                met[level] += 1;
                if week >= weeks / 4 && met[level].is_multiple_of(every) {
                    features.extend(known.features(week as u32));
                    outcomes.push(bought.map_or(0.0, |one| f64::from(one.gross - one.cost - one.discount)));
                }
                known.week(tenths[level], bought);
            }
        }
        let growth =
            Growth { objective: Objective::HowMuch, trees: 60, depth: 4, learning_rate: 0.1, ..Growth::default() };
        let models = rows.into_iter().map(|(features, outcomes)| {
            let stride = outcomes.len().div_ceil(ROWS).max(1);
            let every = features.chunks_exact(FEATURES).step_by(stride).flatten().copied().collect::<Vec<f64>>();
            let outcomes: Vec<f64> = outcomes.into_iter().step_by(stride).collect();
            let table = Table::from_rows(FEATURES, &every).unwrap_or_default();
            Forest::grow(&table, &outcomes, &vec![1.0; outcomes.len()], &growth)
        });
        let chosen = vec![Rate::ZERO; histories.len()];
        let models = models.collect::<Result<_, _>>()?;
        Ok(Self { levels: levels.clone(), models, known, chosen, chosen_in: None, left: budget, end })
    }

    fn choose(&mut self, week: u32) {
        let rows: Vec<f64> = self.known.iter().flat_map(|known| known.features(week)).collect();
        let Some(table) = Table::from_rows(FEATURES, &rows) else { return };
        let margins: Vec<Vec<f64>> = self.models.iter().map(|model| model.predict_all(&table)).collect();
        let mut menus = Menus::default();
        for (shopper, known) in self.known.iter().enumerate() {
            let none = margins[0][shopper];
            let cost_share = if known.gross > 0.0 { known.cost / known.gross } else { 0.5 };
            menus.push(self.levels.rates().iter().zip(&margins).skip(1).map(|(rate, margins)| {
                // What is left of a basket's price as margin tells what was taken off it.
                let rate = f64::from(rate.bp()) / 10_000.0;
                let gross = margins[shopper].max(0.0) / (1.0 - cost_share - rate).max(0.05);
                Level { cost: Amount((gross * rate).round() as i64), gain: margins[shopper] - none }
            }));
        }
        let weeks = i64::from(self.end.saturating_sub(week).max(1));
        let budget = if self.left < Amount(i64::MAX) { Amount(self.left.0.max(0) / weeks) } else { self.left };
        for (chosen, place) in self.chosen.iter_mut().zip(allocate(&menus, budget).chosen) {
            *chosen = self.levels.rates()[place.map_or(0, |place| usize::from(place) + 1)];
        }
        self.chosen_in = Some(week);
    }
}

impl Policy for TLearner {
    fn begin(&mut self, week: u32) -> bool {
        if self.chosen_in.is_none_or(|chosen_in| week >= chosen_in + HOLDS) {
            self.choose(week);
        }
        true
    }

    fn offer(&mut self, shopper: usize, _: u32) -> Rate {
        self.chosen[shopper]
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        let bought = outcome.visit.map(basket);
        self.known[outcome.shopper].week(f64::from(outcome.rate.bp()) / 1_000.0, bought);
        if self.left < Amount(i64::MAX) {
            self.left -= outcome.visit.map_or(Amount::ZERO, |visit| visit.discount);
        }
    }
}
