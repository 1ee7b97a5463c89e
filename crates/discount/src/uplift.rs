//! Whom a treatment moves, and by how much, from a trial in which chance decided who got it.
//!
//! Three learners over gradient boosting (Künzel, Sekhon, Bickel and Yu 2019 for T and X; Kennedy 2023 for the doubly robust
//! one), and their mean. Which one is used is decided by rows that none of them has seen: the doubly robust outcome of such a row is
//! right on average whatever the models, so the learner that comes nearest to it is the best (Saito and Yasui 2020).

mod ranking;

use serde::{Deserialize, Serialize};

use crate::boosting::{Forest, Growth, GrowthError, Objective, Table, probability};
use crate::pilot::by_chance;

pub use ranking::{qini, uplift_at};

/// Who got the treatment by chance, and what they did; outcomes are 0 or 1.
#[derive(Clone, Debug)]
pub struct Trial {
    pub table: Table,
    pub treated: Vec<bool>,
    pub outcomes: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learner {
    /// A model of the treated and one of the others.
    T,
    /// Models of what each group lacks of the other's model.
    X,
    /// A model of outcomes that are right on average.
    DoublyRobust,
    /// The mean of the three.
    Blend,
}

impl Learner {
    pub const ALL: [Self; 4] = [Self::T, Self::X, Self::DoublyRobust, Self::Blend];
}

/// A learner's forests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uplift {
    parts: Vec<Part>,
}

/// The learner that did best on rows it had not seen.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub uplift: Uplift,
    pub learner: Learner,
    /// Of every learner: how far it was from those rows' doubly robust outcomes, in mean squares.
    pub scores: Vec<(Learner, f64)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Part {
    /// The difference of two probabilities.
    Difference {
        with: Forest,
        without: Forest,
    },
    /// The effect itself, weighed by the share of the treated.
    Weighed {
        of_treated: Forest,
        of_others: Forest,
        share: f64,
    },
    Effect(Forest),
}

#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error("{0} rows, but {1} treatments and {2} outcomes")]
    Ragged(usize, usize, usize),
    #[error("an outcome is neither 0 nor 1")]
    Outcome,
    #[error("at least {0} rows of each kind are needed")]
    TooFew(usize),
    #[error(transparent)]
    Growth(#[from] GrowthError),
}

const FEWEST: usize = 50;
const FOLDS: u64 = 3;

impl Trial {
    fn check(&self) -> Result<(), TrialError> {
        let (rows, treated, outcomes) = (self.table.rows(), self.treated.len(), self.outcomes.len());
        if rows != treated || rows != outcomes {
            return Err(TrialError::Ragged(rows, treated, outcomes));
        }
        if self.outcomes.iter().any(|outcome| *outcome != 0.0 && *outcome != 1.0) {
            return Err(TrialError::Outcome);
        }
        let count = self.treated.iter().filter(|treated| **treated).count();
        if count < FEWEST || rows - count < FEWEST {
            return Err(TrialError::TooFew(FEWEST));
        }
        Ok(())
    }

    fn share(&self) -> f64 {
        self.treated.iter().filter(|treated| **treated).count() as f64 / self.treated.len() as f64
    }

    /// The rows of which this is true.
    fn only(&self, keeps: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<usize> = (0..self.treated.len()).filter(|row| keeps(*row)).collect();
        Self {
            table: self.table.only(&rows),
            treated: rows.iter().map(|row| self.treated[*row]).collect(),
            outcomes: rows.iter().map(|row| self.outcomes[*row]).collect(),
        }
    }

    /// Which rows are kept for the models of the others.
    fn fold(&self, row: usize, seed: u64) -> u64 {
        (by_chance(seed, row as u64, FOLDS) * FOLDS as f64) as u64
    }

    /// The doubly robust outcome of every row: by models that have not seen it.
    fn robust(&self, growth: &Growth) -> Result<Vec<f64>, GrowthError> {
        let share = self.share();
        let mut robust = vec![0.0; self.treated.len()];
        for fold in 0..FOLDS {
            let seen = self.only(|row| self.fold(row, growth.seed) != fold);
            let rows: Vec<usize> = (0..robust.len()).filter(|row| self.fold(*row, growth.seed) == fold).collect();
            let (with, without) = seen.both(growth)?;
            let unseen = self.table.only(&rows);
            for ((row, with), without) in rows.iter().zip(with.predict_all(&unseen)).zip(without.predict_all(&unseen)) {
                let (with, without, outcome) = (probability(with), probability(without), self.outcomes[*row]);
                robust[*row] = with - without
                    + if self.treated[*row] { (outcome - with) / share } else { (without - outcome) / (1.0 - share) };
            }
        }
        Ok(robust)
    }

    /// A model of those who were treated, and one of the others.
    fn both(&self, growth: &Growth) -> Result<(Forest, Forest), GrowthError> {
        let growth = Growth { objective: Objective::Whether, ..growth.clone() };
        let of = |treated: bool| {
            let group = self.only(|row| self.treated[row] == treated);
            Forest::grow(&group.table, &group.outcomes, &vec![1.0; group.outcomes.len()], &growth)
        };
        Ok((of(true)?, of(false)?))
    }
}

impl Uplift {
    /// Learns of a trial.
    ///
    /// # Errors
    /// When the trial is too small or makes no sense.
    pub fn learn(trial: &Trial, learner: Learner, growth: &Growth) -> Result<Self, TrialError> {
        trial.check()?;
        // Here a row weighs one, and not a quarter at most.
        let effects = Growth { objective: Objective::HowMuch, least: 4.0 * growth.least, ..growth.clone() };
        let t = || -> Result<Part, GrowthError> {
            let (with, without) = trial.both(growth)?;
            Ok(Part::Difference { with, without })
        };
        let x = || -> Result<Part, GrowthError> {
            let (with, without) = trial.both(growth)?;
            let lacks = |treated: bool, other: &Forest, sign: f64| {
                let group = trial.only(|row| trial.treated[row] == treated);
                let told = other.predict_all(&group.table);
                let lacks = group.outcomes.iter().zip(told).map(|(outcome, told)| sign * (outcome - probability(told)));
                Forest::grow(&group.table, &lacks.collect::<Vec<_>>(), &vec![1.0; group.outcomes.len()], &effects)
            };
            let (of_treated, of_others) = (lacks(true, &without, 1.0)?, lacks(false, &with, -1.0)?);
            Ok(Part::Weighed { of_treated, of_others, share: trial.share() })
        };
        let robust = || -> Result<Part, GrowthError> {
            let outcomes = trial.robust(growth)?;
            Ok(Part::Effect(Forest::grow(&trial.table, &outcomes, &vec![1.0; outcomes.len()], &effects)?))
        };
        let parts = match learner {
            Learner::T => vec![t()?],
            Learner::X => vec![x()?],
            Learner::DoublyRobust => vec![robust()?],
            Learner::Blend => vec![t()?, x()?, robust()?],
        };
        Ok(Self { parts })
    }

    /// Learns of two thirds of a trial with every learner, keeps the one that does best on the rest, and lets it learn of all.
    ///
    /// # Errors
    /// When the trial is too small or makes no sense.
    pub fn choose(trial: &Trial, growth: &Growth) -> Result<Chosen, TrialError> {
        trial.check()?;
        let robust = trial.robust(growth)?;
        let kept = |row: usize| trial.fold(row, growth.seed ^ 1) == 0;
        let (seen, rest) = (trial.only(|row| !kept(row)), trial.only(kept));
        let wanted: Vec<f64> = (0..robust.len()).filter(|row| kept(*row)).map(|row| robust[row]).collect();
        let mut scores = Vec::new();
        for learner in Learner::ALL {
            let told = Self::learn(&seen, learner, growth)?.predict_all(&rest.table);
            let squares: f64 = told.iter().zip(&wanted).map(|(told, wanted)| (told - wanted) * (told - wanted)).sum();
            scores.push((learner, squares / wanted.len().max(1) as f64));
        }
        let best =
            scores.iter().min_by(|one, two| one.1.total_cmp(&two.1)).map_or(Learner::Blend, |(learner, _)| *learner);
        Ok(Chosen { uplift: Self::learn(trial, best, growth)?, learner: best, scores })
    }

    /// By how much the treatment raises the probability of the outcome, row by row.
    #[must_use]
    pub fn predict_all(&self, table: &Table) -> Vec<f64> {
        let mut mean = vec![0.0; table.rows()];
        let mut add = |told: Vec<f64>, weight: f64| {
            for (mean, told) in mean.iter_mut().zip(told) {
                *mean += weight * told;
            }
        };
        let whole = (self.parts.len().max(1) as f64).recip();
        let probabilities = |forest: &Forest| forest.predict_all(table).into_iter().map(probability).collect();
        for part in &self.parts {
            match part {
                Part::Difference { with, without } => {
                    add(probabilities(with), whole);
                    add(probabilities(without), -whole);
                }
                Part::Weighed { of_treated, of_others, share } => {
                    add(of_others.predict_all(table), share * whole);
                    add(of_treated.predict_all(table), (1.0 - share) * whole);
                }
                Part::Effect(forest) => add(forest.predict_all(table), whole),
            }
        }
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moved only if the first feature is over a half, and then by 0.3.
    fn trial(rows: usize, seed: u64) -> Trial {
        let draw = |feature: u64, row: usize| by_chance(seed + feature, row as u64, 0);
        let values = (0..4).flat_map(|feature| (0..rows).map(move |row| draw(feature, row))).collect();
        let treated: Vec<bool> = (0..rows).map(|row| draw(10, row) < 0.4).collect();
        let outcome = |row: usize| {
            let moved = if treated[row] && draw(0, row) > 0.5 { 0.3 } else { 0.0 };
            f64::from(u8::from(draw(11, row) < 0.1 + 0.3 * draw(1, row) + moved))
        };
        let outcomes = (0..rows).map(outcome).collect();
        Trial { table: Table::new(rows, values).unwrap(), treated, outcomes }
    }

    #[test]
    fn every_learner_finds_whom_the_treatment_moves() {
        let (seen, unseen) = (trial(6_000, 1), trial(6_000, 100));
        for learner in Learner::ALL {
            let uplift = Uplift::learn(&seen, learner, &Growth { trees: 80, ..Growth::default() }).unwrap();
            let told = uplift.predict_all(&unseen.table);
            let mean = |moved: bool| {
                let of = told.iter().enumerate().filter(|(row, _)| (unseen.table.value(*row, 0) > 0.5) == moved);
                let (sum, count) = of.fold((0.0, 0.0), |(sum, count), (_, told)| (sum + told, count + 1.0));
                sum / count
            };
            assert!(
                (mean(true) - 0.3).abs() < 0.06 && mean(false).abs() < 0.06,
                "{learner:?} {} {}",
                mean(true),
                mean(false)
            );
            // Held against the order of who knows whom it moves.
            let known: Vec<f64> = (0..6_000).map(|row| f64::from(u8::from(unseen.table.value(row, 0) > 0.5))).collect();
            let best = qini(&unseen.outcomes, &known, &unseen.treated);
            let order = qini(&unseen.outcomes, &told, &unseen.treated);
            assert!(order > 0.8 * best, "{learner:?} {order} {best}");
        }
        let Chosen { learner: chosen, scores, .. } =
            Uplift::choose(&seen, &Growth { trees: 80, ..Growth::default() }).unwrap();
        let least = scores.iter().map(|(_, score)| *score).fold(f64::INFINITY, f64::min);
        assert!(scores.iter().any(|(learner, score)| *learner == chosen && *score == least) && scores.len() == 4);
    }

    #[test]
    fn where_nobody_is_moved_nobody_is_said_to_be() {
        let mut null = trial(8_000, 5);
        null.treated = (0..8_000).map(|row| by_chance(77, row, 9) < 0.5).collect();
        let uplift = Uplift::learn(&null, Learner::Blend, &Growth { trees: 60, ..Growth::default() }).unwrap();
        let unseen = trial(8_000, 900);
        let treated: Vec<bool> = (0..8_000).map(|row| by_chance(78, row, 9) < 0.5).collect();
        let told = uplift.predict_all(&unseen.table);
        assert!(qini(&unseen.outcomes, &told, &treated).abs() < 0.05);
    }

    #[test]
    fn trials_that_say_nothing_are_refused() {
        let good = trial(300, 1);
        let learn = |trial: &Trial| Uplift::learn(trial, Learner::T, &Growth::default());
        let ragged = Trial { outcomes: vec![0.0; 10], ..good.clone() };
        assert!(matches!(learn(&ragged), Err(TrialError::Ragged(300, 300, 10))));
        let all = Trial { treated: vec![true; 300], ..good.clone() };
        assert!(matches!(learn(&all), Err(TrialError::TooFew(50))));
        let mut odd = good;
        odd.outcomes[4] = 0.5;
        assert!(matches!(learn(&odd), Err(TrialError::Outcome)));
    }
}
