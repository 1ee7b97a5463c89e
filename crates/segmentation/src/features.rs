//! Facts -> numbers of comparable size. What is not finite counts as zero, so nothing after this sees a NaN.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Facts;
use crate::components::Components;

/// Recency, frequency, monetary, average order.
pub(crate) const BEHAVIOUR: usize = 4;
/// Beyond this, more is not told from more.
const MOST: f64 = 1e15;

/// How a feature is brought to mean 0 and its weight as the deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    pub mean: f64,
    pub factor: f64,
}

fn clean(x: f64) -> f64 {
    if x.is_nan() { 0.0 } else { x.clamp(0.0, MOST) }
}

/// One customer in the one order and form that equal customers share: categories merged, sorted, finite and positive.
pub(crate) fn canonical(facts: &Facts) -> Facts {
    let mut composition: Vec<(String, f64)> =
        facts.composition.iter().map(|(id, spend)| (id.clone(), clean(*spend))).filter(|(_, s)| *s > 0.0).collect();
    composition.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    composition.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    Facts {
        recency_days: clean(facts.recency_days),
        frequency: facts.frequency,
        monetary: clean(facts.monetary),
        average_order: clean(facts.average_order),
        composition,
    }
}

/// A total order over canonical facts, so that a fit does not depend on the order of its samples.
pub(crate) fn order(a: &Facts, b: &Facts) -> Ordering {
    let categories = |f: &Facts| f.composition.len();
    a.recency_days
        .total_cmp(&b.recency_days)
        .then(a.frequency.cmp(&b.frequency))
        .then(a.monetary.total_cmp(&b.monetary))
        .then(a.average_order.total_cmp(&b.average_order))
        .then(categories(a).cmp(&categories(b)))
        .then_with(|| {
            a.composition
                .iter()
                .zip(&b.composition)
                .map(|(x, y)| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)))
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal)
        })
}

/// The categories that the most is spent on, strongest first; equal ones by id.
pub(crate) fn strongest(samples: &[Facts], most: usize) -> Vec<String> {
    let mut spend: BTreeMap<&str, f64> = BTreeMap::new();
    for (id, amount) in samples.iter().flat_map(|s| &s.composition) {
        *spend.entry(id).or_default() += amount;
    }
    let mut ranked: Vec<(&str, f64)> = spend.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    ranked.into_iter().take(most).map(|(id, _)| id.to_owned()).collect()
}

/// The share of each of `categories` in what was spent; zeros where nothing was.
pub(crate) fn shares<'a>(facts: &'a Facts, categories: &'a [String]) -> impl Iterator<Item = f64> + 'a {
    let whole: f64 = facts.composition.iter().map(|(_, spend)| clean(*spend)).sum();
    categories.iter().map(move |category| {
        let spend: f64 =
            facts.composition.iter().filter(|(id, _)| id == category).map(|(_, spend)| clean(*spend)).sum();
        if whole > 0.0 { spend / whole } else { 0.0 }
    })
}

/// The features before scaling: logarithms of the behaviour, then the composition along its components, or by its shares
/// where there are none.
pub(crate) fn raw(facts: &Facts, categories: &[String], components: Option<&Components>) -> Vec<f64> {
    let behaviour =
        [clean(facts.recency_days), f64::from(facts.frequency), clean(facts.monetary), clean(facts.average_order)];
    let mut row = Vec::with_capacity(BEHAVIOUR + categories.len());
    row.extend(behaviour.map(f64::ln_1p));
    match components {
        Some(components) => {
            let shares: Vec<f64> = shares(facts, categories).collect();
            row.extend(components.along(&shares));
        }
        None => row.extend(shares(facts, categories)),
    }
    row
}

/// How much each feature counts: the composition as one.
pub(crate) fn weights(categories: usize, components: Option<&Components>) -> Vec<f64> {
    let mut weights = vec![1.0; BEHAVIOUR];
    match components {
        Some(components) => weights.extend(components.weights()),
        None => weights.extend(vec![(categories.max(1) as f64).sqrt().recip(); categories]),
    }
    weights
}

/// Mean and weight of each feature. One that never varies carries nothing and stays at zero.
pub(crate) fn scales(rows: &[Vec<f64>], weights: &[f64]) -> Vec<Scale> {
    let count = rows.len().max(1) as f64;
    let scale = |(j, weight): (usize, &f64)| {
        let mean = rows.iter().map(|row| row[j]).sum::<f64>() / count;
        let variance = rows.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        Scale { mean, factor: if deviation > 1e-9 { weight / deviation } else { 0.0 } }
    };
    weights.iter().enumerate().map(scale).collect()
}
