//! Gradient boosting: forust-ml grows the trees, a flat copy of them predicts.
//!
//! The copy holds every tree's nodes breadth first, sixteen bytes each, children side by side, so that a step down is one
//! comparison and one addition, and predicts rows in blocks, a tree at a time. It gives what forust gives, to the last bit;
//! but where a feature must not make it fall: forust 0.8.0 heeds that only where it splits by the feature itself, and what is
//! below may undo it. The copy holds all that is below to the split's two sides.

use std::collections::HashMap;

use forust_ml::GradientBooster;
use forust_ml::constraints::Constraint;
use forust_ml::data::Matrix;
use forust_ml::objective::ObjectiveType;
use forust_ml::sampler::SampleMethod;
use serde::{Deserialize, Serialize};

/// What is to be foretold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// Whether: predictions are log-odds.
    Whether,
    /// How much: predictions are means.
    HowMuch,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    pub objective: Objective,
    pub trees: usize,
    pub depth: usize,
    pub learning_rate: f32,
    /// Of all features, how many a tree may look at.
    pub columns: f64,
    /// Of all rows, how many a tree is grown from.
    pub rows: f32,
    pub l2: f32,
    /// The least weight of a leaf: about a quarter of a row each where the odds are even.
    pub least: f32,
    /// Features with which what is foretold never falls.
    pub rising: Vec<usize>,
    pub seed: u64,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            objective: Objective::Whether,
            trees: 200,
            depth: 4,
            learning_rate: 0.05,
            columns: 0.5,
            rows: 1.0,
            l2: 5.0,
            least: 5.0,
            rising: Vec::new(),
            seed: 0,
        }
    }
}

/// A table by columns: all of the first feature, then all of the second. What is not a number is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    rows: usize,
    values: Vec<f64>,
}

impl Table {
    /// `None` where the values do not fill whole columns.
    #[must_use]
    pub fn new(rows: usize, values: Vec<f64>) -> Option<Self> {
        (rows > 0 && !values.is_empty() && values.len().is_multiple_of(rows)).then_some(Self { rows, values })
    }

    /// From rows of so many features each.
    #[must_use]
    pub fn from_rows(features: usize, by_row: &[f64]) -> Option<Self> {
        if features == 0 || !by_row.len().is_multiple_of(features) {
            return None;
        }
        let columns = (0..features).flat_map(|at| by_row.iter().skip(at).step_by(features).copied());
        Self::new(by_row.len() / features, columns.collect())
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn features(&self) -> usize {
        self.values.len() / self.rows.max(1)
    }

    /// What stands there; not a number beyond the table.
    #[must_use]
    pub fn value(&self, row: usize, feature: usize) -> f64 {
        if row < self.rows { self.values.get(feature * self.rows + row).copied().unwrap_or(f64::NAN) } else { f64::NAN }
    }

    /// These rows, in this order.
    #[must_use]
    pub fn only(&self, rows: &[usize]) -> Self {
        let values = (0..self.features()).flat_map(|feature| rows.iter().map(move |row| self.value(*row, feature)));
        Self { rows: rows.len(), values: values.collect() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GrowthError {
    #[error("{0} rows, but {1} outcomes and {2} weights")]
    Ragged(usize, usize, usize),
    #[error("an outcome or a weight is not a number")]
    NotANumber,
    #[error("a feature that is to rise is not in the table")]
    NoSuchFeature,
    #[error("the trees did not grow: {0}")]
    Forust(String),
}

/// Grown trees, ready to predict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    base: f64,
    features: usize,
    trees: Vec<Root>,
    nodes: Vec<Node>,
    /// Of leaves; zero elsewhere.
    weights: Vec<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Root {
    at: u32,
    /// Steps to the deepest leaf.
    depth: u32,
}

/// A leaf leads to itself, whatever the value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    split: f64,
    /// What is below the split goes here, the rest to the next.
    left: u32,
    feature: u16,
    missing_goes_right: bool,
    is_leaf: bool,
}

/// Rows that are predicted together.
const BLOCK: usize = 64;

impl Forest {
    /// Grows trees on one thread: the same ones each time.
    ///
    /// # Errors
    /// When the table and the outcomes do not fit together.
    pub fn grow(table: &Table, outcomes: &[f64], weights: &[f64], growth: &Growth) -> Result<Self, GrowthError> {
        if outcomes.len() != table.rows || weights.len() != table.rows {
            return Err(GrowthError::Ragged(table.rows, outcomes.len(), weights.len()));
        }
        if outcomes.iter().chain(weights).any(|value| !value.is_finite()) || weights.iter().any(|weight| *weight < 0.0)
        {
            return Err(GrowthError::NotANumber);
        }
        if growth.rising.iter().any(|feature| *feature >= table.features()) {
            return Err(GrowthError::NoSuchFeature);
        }
        let rising: HashMap<_, _> = growth.rising.iter().map(|feature| (*feature, Constraint::Positive)).collect();
        let sampling = if growth.rows < 1.0 { SampleMethod::Random } else { SampleMethod::None };
        let mut booster = GradientBooster::default()
            .set_objective_type(match growth.objective {
                Objective::Whether => ObjectiveType::LogLoss,
                Objective::HowMuch => ObjectiveType::SquaredLoss,
            })
            .set_iterations(growth.trees)
            .set_max_depth(growth.depth)
            .set_learning_rate(growth.learning_rate)
            .set_colsample_bytree(growth.columns)
            .set_subsample(growth.rows)
            .set_sample_method(sampling)
            .set_l2(growth.l2)
            .set_min_leaf_weight(growth.least)
            .set_monotone_constraints((!rising.is_empty()).then_some(rising))
            .set_initialize_base_score(true)
            .set_parallel(false)
            .set_seed(growth.seed);
        let matrix = Matrix::new(&table.values, table.rows, table.features());
        booster.fit(&matrix, outcomes, weights, None).map_err(|error| GrowthError::Forust(error.to_string()))?;
        Ok(Self::flat(&booster, table.features(), &growth.rising))
    }

    fn flat(booster: &GradientBooster, features: usize, rising: &[usize]) -> Self {
        let mut forest =
            Self { base: booster.base_score, features, trees: Vec::new(), nodes: Vec::new(), weights: Vec::new() };
        for tree in &booster.trees {
            let at = forest.nodes.len();
            // Breadth first: (place there, depth, least and greatest weight), in the order of places here.
            let mut order = vec![(0_usize, 0_u32, (f32::NEG_INFINITY, f32::INFINITY))];
            let mut next = 0;
            let mut depth = 0;
            while next < order.len() {
                let (place, level, (least, greatest)) = order[next];
                let node = &tree.nodes[place];
                depth = depth.max(level);
                let here = (at + next) as u32;
                if node.is_leaf {
                    let leaf = Node { split: 0.0, left: here, feature: 0, missing_goes_right: false, is_leaf: true };
                    forest.nodes.push(leaf);
                    forest.weights.push(node.weight_value.clamp(least, greatest));
                } else {
                    forest.nodes.push(Node {
                        split: node.split_value,
                        left: (at + order.len()) as u32,
                        feature: node.split_feature as u16,
                        missing_goes_right: node.missing_node == node.right_child,
                        is_leaf: false,
                    });
                    forest.weights.push(0.0);
                    let (mut below, mut above) = ((least, greatest), (least, greatest));
                    if rising.contains(&node.split_feature) {
                        let weight = |place: usize| tree.nodes[place].weight_value.clamp(least, greatest);
                        let middle = (weight(node.left_child) + weight(node.right_child)) / 2.0;
                        (below.1, above.0) = (middle, middle);
                    }
                    order.extend([(node.left_child, level + 1, below), (node.right_child, level + 1, above)]);
                }
                next += 1;
            }
            forest.trees.push(Root { at: at as u32, depth });
        }
        forest
    }

    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Of one row; one that is shorter misses what it lacks.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        let mut sum = self.base;
        for root in &self.trees {
            let mut at = root.at;
            for _ in 0..root.depth {
                let node = &self.nodes[at as usize];
                at = node.next(row.get(usize::from(node.feature)).copied().unwrap_or(f64::NAN));
            }
            sum += f64::from(self.weights[at as usize]);
        }
        sum
    }

    /// Of all rows.
    #[must_use]
    pub fn predict_all(&self, table: &Table) -> Vec<f64> {
        let features = table.features();
        let mut predicted = vec![self.base; table.rows];
        let width = features.max(self.features);
        let mut block = vec![f64::NAN; BLOCK * width];
        let mut places = [0_u32; BLOCK];
        for (place, predicted) in predicted.chunks_mut(BLOCK).enumerate() {
            let from = place * BLOCK;
            for (feature, column) in table.values.chunks_exact(table.rows).enumerate() {
                for (row, value) in column[from..from + predicted.len()].iter().enumerate() {
                    block[row * width + feature] = *value;
                }
            }
            for root in &self.trees {
                // A step of all rows, then the next: no row waits for another's node.
                places.fill(root.at);
                for _ in 0..root.depth {
                    for (at, row) in places.iter_mut().zip(block.chunks_exact(width)) {
                        let node = &self.nodes[*at as usize];
                        *at = node.next(row[usize::from(node.feature)]);
                    }
                }
                for (sum, at) in predicted.iter_mut().zip(&places) {
                    *sum += f64::from(self.weights[*at as usize]);
                }
            }
        }
        predicted
    }
}

impl Node {
    /// Without branches, which nobody could foretell.
    fn next(&self, value: f64) -> u32 {
        let goes_right = (value >= self.split) | (value.is_nan() & self.missing_goes_right);
        self.left + u32::from(goes_right & !self.is_leaf)
    }
}

/// The probability that log-odds are.
#[must_use]
pub fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::by_chance;

    fn sample(rows: usize) -> (Table, Vec<f64>) {
        let mut values = Vec::new();
        for feature in 0..6 {
            for row in 0..rows {
                let value = by_chance(feature, row as u64, 1);
                values.push(if value < 0.05 { f64::NAN } else { value });
            }
        }
        let outcomes = (0..rows)
            .map(|row| {
                let at = |feature: usize| values[feature * rows + row];
                let odds = 3.0 * at(0).max(0.0) - 2.0 * at(1).max(0.0) * at(2).max(0.0) - 1.0;
                f64::from(u8::from(by_chance(99, row as u64, 2) < probability(odds)))
            })
            .collect();
        (Table::new(rows, values).unwrap(), outcomes)
    }

    #[test]
    fn the_flat_copy_gives_what_forust_gives_to_the_last_bit() {
        let (table, outcomes) = sample(3_001);
        let weights = vec![1.0; table.rows()];
        for objective in [Objective::Whether, Objective::HowMuch] {
            let growth = Growth { objective, trees: 60, depth: 5, ..Growth::default() };
            let forest = Forest::grow(&table, &outcomes, &weights, &growth).unwrap();
            let mut booster = GradientBooster::default()
                .set_objective_type(if objective == Objective::Whether {
                    ObjectiveType::LogLoss
                } else {
                    ObjectiveType::SquaredLoss
                })
                .set_iterations(60)
                .set_max_depth(5)
                .set_learning_rate(0.05)
                .set_colsample_bytree(0.5)
                .set_l2(5.0)
                .set_min_leaf_weight(5.0)
                .set_initialize_base_score(true)
                .set_parallel(false)
                .set_seed(0);
            let matrix = Matrix::new(&table.values, table.rows, table.features());
            booster.fit(&matrix, &outcomes, &weights, None).unwrap();
            let (ours, theirs) = (forest.predict_all(&table), booster.predict(&matrix, false));
            assert!(ours.iter().zip(&theirs).all(|(one, two)| one.to_bits() == two.to_bits()));
            for row in [0, 17, 3_000] {
                let values: Vec<f64> = (0..6).map(|feature| table.values[feature * table.rows() + row]).collect();
                assert_eq!(forest.predict(&values).to_bits(), theirs[row].to_bits());
            }
            let kept: Forest = serde_json::from_str(&serde_json::to_string(&forest).unwrap()).unwrap();
            assert_eq!(kept.predict_all(&table), ours);
        }
    }

    #[test]
    fn what_must_rise_never_falls() {
        let (table, outcomes) = sample(4_000);
        let growth = Growth { rising: vec![1], ..Growth::default() };
        let forest = Forest::grow(&table, &outcomes, &vec![1.0; table.rows()], &growth).unwrap();
        for row in 0..200 {
            let mut values: Vec<f64> = (0..6).map(|feature| by_chance(feature, row, 5)).collect();
            let mut before = f64::NEG_INFINITY;
            for step in 0..40 {
                values[1] = f64::from(step) / 40.0;
                let now = forest.predict(&values);
                assert!(now >= before, "row {row}, step {step}: {now} after {before}");
                before = now;
            }
        }
    }

    #[test]
    fn whatever_a_row_holds_it_is_a_number() {
        let (table, outcomes) = sample(500);
        let forest = Forest::grow(&table, &outcomes, &vec![1.0; 500], &Growth::default()).unwrap();
        for row in [vec![], vec![f64::NAN; 6], vec![f64::INFINITY; 6], vec![f64::NEG_INFINITY; 6], vec![f64::MAX; 60]] {
            assert!(forest.predict(&row).is_finite());
        }
        assert!(matches!(
            Forest::grow(&table, &outcomes[1..], &vec![1.0; 500], &Growth::default()),
            Err(GrowthError::Ragged(500, 499, 500))
        ));
        let mut broken = outcomes.clone();
        broken[3] = f64::NAN;
        let grown = Forest::grow(&table, &broken, &vec![1.0; 500], &Growth::default());
        assert!(matches!(grown, Err(GrowthError::NotANumber)));
    }
}
