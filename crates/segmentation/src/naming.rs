//! Profiles -> words: every segment's medians against those of the whole, and no two segments called the same.

use std::collections::BTreeMap;

use domain::SegmentName;
use domain::segment::{BasketSize, Habit, Presence};

use crate::Facts;

/// How much more of a category than the whole makes a segment lean to it.
const LEANING: f64 = 0.05;

/// Where the whole stands: what the words are relative to.
pub(crate) struct Whole {
    recency: [f64; 2],
    frequency: [f64; 2],
    basket: [f64; 2],
}

impl Whole {
    pub(crate) fn of(samples: &[Facts]) -> Self {
        let marks = |of: fn(&Facts) -> f64, low: f64, high: f64| {
            let mut values: Vec<f64> = samples.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            [quantile(&values, low), quantile(&values, high)]
        };
        Self {
            recency: marks(|f| f.recency_days, 0.5, 0.75),
            frequency: marks(|f| f64::from(f.frequency), 0.5, 0.8),
            basket: marks(|f| f.average_order, 0.35, 0.65),
        }
    }
}

/// The value at a share of sorted values; 0 of none.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = (last as f64 * share).round() as usize;
    sorted.get(place.min(last)).copied().unwrap_or(0.0)
}

/// A segment as naming needs it.
pub(crate) struct Profile {
    pub recency: f64,
    pub frequency: f64,
    pub basket: f64,
    /// Mean shares of the fit's categories.
    pub shares: Vec<f64>,
}

/// One name a profile, in the same order, all different.
pub(crate) fn name(
    profiles: &[Profile],
    whole: &Whole,
    categories: &[String],
    whole_shares: &[f64],
    titles: &BTreeMap<String, String>,
) -> Vec<SegmentName> {
    let words: Vec<_> = profiles.iter().map(|p| words(p, whole)).collect();
    let mut names = Vec::with_capacity(profiles.len());
    let mut taken: BTreeMap<(Presence, Habit, BasketSize, Option<String>), u8> = BTreeMap::new();
    for (profile, &(presence, habit, basket)) in profiles.iter().zip(&words) {
        let alone = words.iter().filter(|w| **w == (presence, habit, basket)).count() == 1;
        let leaning = if alone { None } else { leaning(profile, categories, whole_shares) }
            .map(|id| titles.get(id).unwrap_or(id).clone());
        let rank = taken.entry((presence, habit, basket, leaning.clone())).or_insert(0);
        *rank = rank.saturating_add(1);
        names.push(SegmentName::Profile { presence, habit, basket, leaning, rank: *rank });
    }
    names
}

fn words(profile: &Profile, whole: &Whole) -> (Presence, Habit, BasketSize) {
    let presence = match profile.recency {
        r if r <= whole.recency[0] => Presence::Active,
        r if r <= whole.recency[1] => Presence::Cooling,
        _ => Presence::Lapsed,
    };
    let habit = match profile.frequency {
        f if f > 1.0 && f >= whole.frequency[1] => Habit::Frequent,
        f if f > 1.0 && f >= whole.frequency[0] => Habit::Regular,
        _ => Habit::Occasional,
    };
    let basket = match profile.basket {
        b if b > whole.basket[1] => BasketSize::Large,
        b if b >= whole.basket[0] => BasketSize::Medium,
        _ => BasketSize::Small,
    };
    (presence, habit, basket)
}

fn leaning<'a>(profile: &Profile, categories: &'a [String], whole_shares: &[f64]) -> Option<&'a String> {
    let mut best: Option<(&String, f64)> = None;
    for ((id, share), whole) in categories.iter().zip(&profile.shares).zip(whole_shares) {
        let more = share - whole;
        if more > LEANING && best.is_none_or(|(_, b)| more > b) {
            best = Some((id, more));
        }
    }
    best.map(|(id, _)| id)
}
