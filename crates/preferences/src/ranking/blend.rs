//! The mixture: how loud each feature is, learned on what came after.

use std::collections::BTreeMap;

use super::features::{Draft, FEATURES, Feature};
use super::{CANDIDATES, Facts, Model, Params};
use crate::{History, Purchase};

/// Before anything was learned.
pub(super) const DEFAULT: [f64; FEATURES] = [1.0, 0.5, 0.2, 0.2, 0.5, 0.2, 0.5, 0.1, 0.2, 1.0, 0.5];

/// What a part of the mixture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// What a customer buys in the days to come.
    Next,
    /// What else goes into a basket.
    Complete,
}

impl Task {
    fn features(self) -> &'static [Feature] {
        match self {
            Self::Next => &[
                Feature::HabitShort,
                Feature::HabitLong,
                Feature::Last,
                Feature::EaseEver,
                Feature::EaseRecent,
                Feature::Alike,
                Feature::LikeYou,
                Feature::Popular,
            ],
            Self::Complete => &[Feature::EaseBasket, Feature::Beside],
        }
    }
}

/// What was known, and what came.
pub(super) struct Example {
    customer: Option<u32>,
    history: Vec<Purchase>,
    basket: Vec<u32>,
    now: i64,
    wanted: Vec<u32>,
    /// How many of the first are looked at.
    depth: usize,
}

/// Customers who bought before the cut and after it.
pub(super) fn nexts(history: &History, cut: i64, params: &Params) -> Vec<Example> {
    let mut found: Vec<Example> = history
        .customers()
        .filter_map(|own| {
            let (before, after) = own.split_at(own.partition_point(|purchase| purchase.at < cut));
            let mut wanted: Vec<u32> = after.iter().flat_map(|purchase| purchase.items.iter().copied()).collect();
            wanted.sort_unstable();
            wanted.dedup();
            let customer = before.first()?.customer;
            (!wanted.is_empty()).then(|| Example {
                customer: Some(customer),
                history: before.to_vec(),
                basket: Vec::new(),
                now: cut,
                wanted,
                depth: 10,
            })
        })
        .collect();
    sample(&mut found, params);
    found
}

/// Baskets after the cut, with one item of each hidden.
pub(super) fn completions(history: &History, cut: i64, params: &Params) -> Vec<Example> {
    let baskets = history.purchases().iter().filter(|purchase| purchase.at >= cut && purchase.items.len() > 1);
    let mut found: Vec<Example> = baskets
        .map(|purchase| {
            let hidden = scattered(params.seed ^ u64::from(purchase.customer) ^ (purchase.at as u64) << 20);
            let hidden = (hidden % purchase.items.len() as u64) as usize;
            let mut basket = purchase.items.clone();
            let wanted = vec![basket.remove(hidden)];
            Example { customer: None, history: Vec::new(), basket, now: purchase.at, wanted, depth: 5 }
        })
        .collect();
    sample(&mut found, params);
    found
}

/// As many as are wanted, the same for the same seed.
fn sample(examples: &mut Vec<Example>, params: &Params) {
    if examples.len() <= params.validation_samples {
        return;
    }
    let mut keyed: Vec<(u64, Example)> = examples
        .drain(..)
        .enumerate()
        .map(|(n, example)| (scattered(params.seed.wrapping_add(n as u64)), example))
        .collect();
    keyed.sort_unstable_by_key(|(key, _)| *key);
    keyed.truncate(params.validation_samples);
    examples.extend(keyed.into_iter().map(|(_, example)| example));
}

/// One example with the features of everything that may come first.
pub(super) struct Prepared {
    candidates: Vec<(u32, [f64; FEATURES])>,
    wanted: Vec<u32>,
    depth: usize,
}

pub(super) fn prepare(model: &Model, examples: &[Example]) -> Vec<Prepared> {
    let prepare = |example: &Example| {
        let facts = Facts {
            customer: example.customer,
            history: &example.history,
            basket: &example.basket,
            now: example.now,
            hour_counts: false,
        };
        let draft = Draft::of(model, &facts);
        let mut candidates = draft.candidates(CANDIDATES);
        candidates.retain(|item| !example.basket.contains(item));
        Prepared {
            candidates: candidates.into_iter().map(|item| (item, draft.values(item))).collect(),
            wanted: example.wanted.clone(),
            depth: example.depth,
        }
    };
    examples.iter().map(prepare).collect()
}

pub(super) struct Learned {
    pub weights: Vec<f64>,
    pub quality: f64,
    pub parts: Vec<(String, f64)>,
}

/// Coordinate ascent on the gain itself, from the part that is best alone; every step is one that is better, so it ends.
pub(super) fn learn(prepared: &[Prepared], known: &[f64], task: Task) -> Option<Learned> {
    const STEPS: [f64; 9] = [0.0, 0.25, 0.5, 0.7, 0.85, 1.2, 1.5, 2.0, 4.0];
    const ROUNDS: usize = 6;
    /// A gain that is not chance: of a mixture that is as good, the simpler one stays.
    const GAIN: f64 = 1e-5;
    if prepared.is_empty() {
        return None;
    }
    let mut weights = known.to_vec();
    let mut loudness: BTreeMap<usize, f64> = BTreeMap::new();
    let mut parts = Vec::new();
    for feature in task.features() {
        let place = *feature as usize;
        let loud = prepared.iter().map(|one| one.candidates.iter().map(|(_, x)| x[place].abs()).fold(0.0, f64::max));
        loudness.insert(place, loud.sum::<f64>() / prepared.len() as f64);
        let alone: Vec<f64> = (0..FEATURES).map(|other| if other == place { 1.0 } else { 0.0 }).collect();
        parts.push((feature.name().to_owned(), quality(prepared, &alone)));
    }
    // All as loud as one another to begin with, those that foretell more by as much more.
    for (feature, (_, alone)) in task.features().iter().zip(&parts) {
        let place = *feature as usize;
        weights[place] = alone / loudness[&place].max(1e-9);
    }
    let own: Vec<usize> = task.features().iter().map(|feature| *feature as usize).collect();
    let others: Vec<usize> = (0..FEATURES).filter(|place| !own.contains(place)).collect();
    // A basket is completed on top of what everybody buys; a customer's ranking knows no basket.
    let mut tried = weights.clone();
    for place in &others {
        if task == Task::Next || *place != Feature::Popular as usize {
            tried[*place] = 0.0;
        }
    }
    if task == Task::Complete {
        tried[Feature::Popular as usize] = 0.1;
    }
    let mut best = quality(prepared, &tried);
    for _ in 0..ROUNDS {
        let before = best;
        for place in own.iter().copied() {
            let (from, quiet) =
                (tried[place], 0.25 / loudness[&place].max(1e-9) * parts.iter().map(|part| part.1).fold(0.0, f64::max));
            let mut kept = from;
            for step in STEPS {
                tried[place] = if from == 0.0 { quiet * step } else { from * step };
                let found = quality(prepared, &tried);
                if found > best + GAIN {
                    (best, kept) = (found, tried[place]);
                }
            }
            tried[place] = kept;
        }
        if best <= before + GAIN {
            break;
        }
    }
    // A basket's part is as loud beside what everybody buys as it was learned; the rest of the mixture stays.
    let scale = if task == Task::Complete { known[Feature::Popular as usize].max(1e-9) / 0.1 } else { 1.0 };
    for place in own {
        weights[place] = tried[place] * scale;
    }
    Some(Learned { weights, quality: best, parts })
}

/// The mean gain of the first of each example: normalised and discounted (Jarvelin and Kekalainen 2002), every wanted item
/// being worth the same.
pub(super) fn quality(prepared: &[Prepared], weights: &[f64]) -> f64 {
    let mut sum = 0.0;
    let mut scored = Vec::new();
    for one in prepared {
        scored.clear();
        scored.extend(one.candidates.iter().map(|(item, values)| {
            (*item, values.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>())
        }));
        first(&mut scored, one.depth);
        let gain: f64 = scored
            .iter()
            .zip(2_u32..)
            .filter(|((item, _), _)| one.wanted.binary_search(item).is_ok())
            .map(|(_, rank)| 1.0 / f64::from(rank).log2())
            .sum();
        let ideal: f64 = (2_u32..).take(one.wanted.len().min(one.depth)).map(|rank| 1.0 / f64::from(rank).log2()).sum();
        sum += gain / ideal;
    }
    if prepared.is_empty() { 0.0 } else { sum / prepared.len() as f64 }
}

/// Keeps the first by score, in order; of equal ones the lower number.
pub(super) fn first(scored: &mut Vec<(u32, f64)>, most: usize) {
    let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if scored.len() > most && most > 0 {
        scored.select_nth_unstable_by(most - 1, order);
    }
    scored.truncate(most);
    scored.sort_unstable_by(order);
}

/// A number spread over 64 bits (the finaliser of splitmix64).
fn scattered(x: u64) -> u64 {
    let mut x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
