//! What speaks for each item, one number a feature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Facts, Model, Reason};
use crate::history::DAY;
use crate::{Counts, History, Neighbours, Purchase};

/// The features, in the order of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// How often they bought it, a month ago counting half.
    HabitShort,
    /// The same with half a year.
    HabitLong,
    /// It was in their last purchase.
    Last,
    /// Foretold by all they ever bought (EASE).
    EaseEver,
    /// The same, what was bought two months ago counting half.
    EaseRecent,
    /// Alike to what they bought lately (cosine).
    Alike,
    /// Bought by customers who bought what they did.
    LikeYou,
    /// Bought by many lately.
    Popular,
    /// Bought at this time of the week more than at others.
    Hour,
    /// Foretold by what is in the basket (EASE).
    EaseBasket,
    /// Likely beside what is in the basket.
    Beside,
}

pub(super) const FEATURES: usize = 11;

impl Feature {
    pub(super) const ALL: [Self; FEATURES] = [
        Self::HabitShort,
        Self::HabitLong,
        Self::Last,
        Self::EaseEver,
        Self::EaseRecent,
        Self::Alike,
        Self::LikeYou,
        Self::Popular,
        Self::Hour,
        Self::EaseBasket,
        Self::Beside,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::HabitShort => "habit, a month",
            Self::HabitLong => "habit, half a year",
            Self::Last => "last purchase",
            Self::EaseEver => "EASE of everything",
            Self::EaseRecent => "EASE of the last months",
            Self::Alike => "similar products",
            Self::LikeYou => "similar customers",
            Self::Popular => "popular",
            Self::Hour => "time of the week",
            Self::EaseBasket => "EASE of the basket",
            Self::Beside => "beside the basket",
        }
    }
}

/// Days after which a purchase counts half.
const SHORT: f64 = 30.0;
const LONG: f64 = 180.0;
const RECENT: f64 = 60.0;
const LATELY: f64 = 28.0;
/// Customers alike who have a say.
const ALIKE: usize = 60;
/// Those who have less in common than this by chance are not alike.
const CROWD_SHRINK: f64 = 3.0;
/// Stretches of the day, at work days and at week-ends.
const HOURS: usize = 12;
/// An item's own hours count as much as everybody's when it was bought so often.
const HOURS_SHRINK: f64 = 30.0;

/// How often each item is bought, lately and by the hours of the week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Popular {
    lately: Vec<f32>,
    /// For each item, its share of each stretch over everybody's, as a logarithm.
    hours: Vec<[f32; HOURS]>,
}

impl Popular {
    pub(super) fn of(history: &History) -> Self {
        let items = history.items() as usize;
        let end = history.end().unwrap_or(0);
        let (mut lately, mut counts) = (vec![0.0; items], vec![[0.0_f64; HOURS]; items]);
        for purchase in history.purchases() {
            let weight = half_life(end.saturating_sub(purchase.at), LATELY);
            for item in &purchase.items {
                lately[*item as usize] += weight;
                counts[*item as usize][stretch(purchase.at)] += 1.0;
            }
        }
        let mut all = [0.0_f64; HOURS];
        counts.iter().for_each(|own| own.iter().zip(&mut all).for_each(|(own, all)| *all += own));
        let sum: f64 = all.iter().sum();
        let most = lately.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let hours = counts.iter().map(|own| {
            let times: f64 = own.iter().sum();
            std::array::from_fn(|n| {
                let expected = if sum > 0.0 { all[n] / sum } else { 0.0 };
                if expected <= 0.0 {
                    return 0.0;
                }
                ((own[n] + HOURS_SHRINK * expected) / ((times + HOURS_SHRINK) * expected)).ln() as f32
            })
        });
        // The square root: the first of all must not drown what is said of a customer.
        let lately = lately.iter().map(|bought| (bought / most).sqrt() as f32).collect();
        Self { hours: hours.collect(), lately }
    }

    pub(super) fn fits(&self, items: u32) -> bool {
        self.lately.len() == items as usize
            && self.hours.len() == items as usize
            && self.lately.iter().chain(self.hours.iter().flatten()).all(|x| x.is_finite())
    }
}

/// Of the week: six stretches of four hours, and the same at week-ends. Day 0 is a Monday.
fn stretch(at: i64) -> usize {
    let (day, minute) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let weekend = usize::from(day.rem_euclid(7) >= 5);
    (minute / 240) as usize + 6 * weekend
}

/// How much something counts that is so many minutes old.
fn half_life(age: i64, days: f64) -> f64 {
    (-(age.max(0) as f64) / (days * DAY as f64)).exp2()
}

/// Customers by what they bought, the last to buy first.
pub(super) fn crowd_of(history: &History, counts: &Counts, most: usize) -> Vec<(u32, Vec<u32>)> {
    let mut last: Vec<(i64, u32)> =
        history.customers().filter_map(|own| Some((own.last()?.at.saturating_neg(), own.first()?.customer))).collect();
    last.sort_unstable();
    last.truncate(most);
    let set = |(_, customer): &(i64, u32)| Some((*customer, counts.sets().get(customer)?.clone()));
    last.iter().filter_map(set).collect()
}

/// Who bought what, from both sides.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Crowd {
    ids: Vec<u32>,
    sets: Vec<Vec<u32>>,
    /// Places of those who bought each item.
    buyers: Vec<Vec<u32>>,
}

impl Crowd {
    pub(super) fn of(sets: &[(u32, Vec<u32>)], items: u32) -> Self {
        let mut buyers = vec![Vec::new(); items as usize];
        for ((_, set), place) in sets.iter().zip(0_u32..) {
            for item in set {
                if let Some(buyers) = buyers.get_mut(*item as usize) {
                    buyers.push(place);
                }
            }
        }
        Self {
            ids: sets.iter().map(|(id, _)| *id).collect(),
            sets: sets.iter().map(|(_, set)| set.clone()).collect(),
            buyers,
        }
    }

    /// Those who have most in common with somebody who bought these, and how much: cosine, shrunk.
    fn alike(&self, set: &[u32], but: Option<u32>) -> Vec<(u32, f64)> {
        let mut common: BTreeMap<u32, u32> = BTreeMap::new();
        let mut dense = vec![0_u32; self.ids.len()];
        for item in set {
            for place in self.buyers.get(*item as usize).into_iter().flatten() {
                dense[*place as usize] += 1;
            }
        }
        common.extend((0_u32..).zip(&dense).filter(|(_, n)| **n > 1).map(|(place, n)| (place, *n)));
        let mut alike: Vec<(u32, f64)> = common
            .into_iter()
            .filter(|(place, _)| Some(self.ids[*place as usize]) != but)
            .map(|(place, both)| {
                let both = f64::from(both);
                let size = set.len() as f64 * self.sets[place as usize].len() as f64;
                (place, both / size.sqrt() * both / (both + CROWD_SHRINK))
            })
            .collect();
        super::blend::first(&mut alike, ALIKE);
        alike
    }
}

/// The features of one customer at one moment, of all items.
pub(super) struct Draft {
    /// Feature after feature.
    values: Vec<f32>,
    items: usize,
    /// What they ever bought, rising, and how much of it lately.
    had: Vec<(u32, f64)>,
    alike: Vec<(u32, f64)>,
    spoken_for: Vec<u32>,
}

impl Draft {
    pub(super) fn of(model: &Model, facts: &Facts<'_>) -> Self {
        let stored = &model.stored;
        let items = stored.items as usize;
        let mut draft = Self {
            values: vec![0.0; FEATURES * items],
            items,
            had: Vec::new(),
            alike: Vec::new(),
            spoken_for: Vec::new(),
        };
        let known = |item: &u32| (*item as usize) < items;
        let mut had: BTreeMap<u32, f64> = BTreeMap::new();
        let last = facts.history.iter().map(|purchase| purchase.at).max();
        for purchase in facts.history {
            let age = facts.now.saturating_sub(purchase.at);
            let (short, long, recent) = (half_life(age, SHORT), half_life(age, LONG), half_life(age, RECENT));
            for item in purchase.items.iter().copied().filter(|item| known(item)) {
                *draft.at(Feature::HabitShort, item) += short as f32;
                *draft.at(Feature::HabitLong, item) += long as f32;
                if Some(purchase.at) == last {
                    *draft.at(Feature::Last, item) = 1.0;
                }
                let most = had.entry(item).or_default();
                *most = most.max(recent);
            }
        }
        for feature in [Feature::HabitShort, Feature::HabitLong] {
            draft.of_feature(feature).iter_mut().for_each(|x| *x = x.ln_1p());
        }
        draft.had = had.into_iter().collect();
        let had = std::mem::take(&mut draft.had);
        let ever = (had.len().max(1) as f64).sqrt();
        let lately = had.iter().map(|(_, recent)| recent * recent).sum::<f64>().sqrt().max(1e-9);
        for (item, recent) in &had {
            draft.spread(Feature::EaseEver, &stored.ease, *item, 1.0 / ever.sqrt());
            draft.spread(Feature::EaseRecent, &stored.ease, *item, *recent);
            draft.spread(Feature::Alike, &stored.cosine, *item, *recent / lately);
        }
        let set: Vec<u32> = had.iter().map(|(item, _)| *item).collect();
        draft.had = had;
        draft.alike = model.crowd.alike(&set, facts.customer);
        let loud: f64 = draft.alike.iter().map(|(_, alike)| alike).sum::<f64>().max(1e-9);
        for (place, alike) in std::mem::take(&mut draft.alike) {
            for item in &model.crowd.sets[place as usize] {
                *draft.at(Feature::LikeYou, *item) += (alike / loud) as f32;
            }
            draft.alike.push((place, alike));
        }
        for (item, lately) in stored.popular.lately.iter().enumerate() {
            *draft.at(Feature::Popular, item as u32) = *lately;
        }
        if facts.hour_counts {
            let stretch = stretch(facts.now);
            for (item, hours) in stored.popular.hours.iter().enumerate() {
                *draft.at(Feature::Hour, item as u32) = hours[stretch];
            }
        }
        let mut basket: Vec<u32> = facts.basket.iter().copied().filter(known).collect();
        basket.sort_unstable();
        basket.dedup();
        let size = (basket.len().max(1) as f64).sqrt();
        for item in &basket {
            draft.spread(Feature::EaseBasket, &stored.basket_ease, *item, 1.0);
            draft.spread(Feature::Beside, &stored.conditional, *item, 1.0 / size);
        }
        draft.spoken_for = basket;
        draft
    }

    fn of_feature(&mut self, feature: Feature) -> &mut [f32] {
        let from = feature as usize * self.items;
        &mut self.values[from..from + self.items]
    }

    fn at(&mut self, feature: Feature, item: u32) -> &mut f32 {
        &mut self.values[feature as usize * self.items + item as usize]
    }

    fn spread(&mut self, feature: Feature, neighbours: &Neighbours, item: u32, weight: f64) {
        let values = self.of_feature(feature);
        for (other, alike) in neighbours.of_item(item) {
            values[*other as usize] += *alike * weight as f32;
        }
    }

    pub(super) fn value(&self, feature: Feature, item: u32) -> f64 {
        f64::from(self.values[feature as usize * self.items + item as usize])
    }

    pub(super) fn values(&self, item: u32) -> [f64; FEATURES] {
        Feature::ALL.map(|feature| self.value(feature, item))
    }

    pub(super) fn score(&self, item: u32, weights: &[f64]) -> f64 {
        self.values(item).iter().zip(weights).map(|(value, weight)| value * weight).sum()
    }

    /// The items that each feature puts first.
    pub(super) fn candidates(&self, most: usize) -> Vec<u32> {
        let mut candidates = Vec::new();
        for feature in Feature::ALL {
            let from = feature as usize * self.items;
            let values = self.values[from..from + self.items].iter();
            let mut loud: Vec<(u32, f64)> =
                (0_u32..).zip(values).filter(|(_, x)| **x > 0.0).map(|(item, x)| (item, f64::from(*x))).collect();
            super::blend::first(&mut loud, most);
            candidates.extend(loud.iter().map(|(item, _)| *item));
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// The two that say most for an item, of those that do.
    pub(super) fn reasons(&self, model: &Model, facts: &Facts<'_>, item: u32, weights: &[f64]) -> Vec<Reason> {
        let said = |features: &[Feature]| -> f64 {
            features.iter().map(|feature| self.value(*feature, item) * weights[*feature as usize]).sum()
        };
        let of_had = || {
            let mut loudest: Option<(f64, u32)> = None;
            for (other, recent) in &self.had {
                let alike = model.stored.ease.of_item(*other).iter().find(|(to, _)| *to == item);
                let loud = alike.map_or(0.0, |(_, alike)| f64::from(*alike) * recent);
                if loud > loudest.map_or(0.0, |known| known.0) {
                    loudest = Some((loud, *other));
                }
            }
            loudest.map(|(_, item)| Reason::GoesWith { item })
        };
        let of_basket = || {
            let alike = |other: &u32| {
                let found = model.stored.conditional.of_item(*other).iter().find(|(to, _)| *to == item);
                found.map_or(0.0, |(_, alike)| *alike)
            };
            let loudest = self.spoken_for.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
            loudest.filter(|other| alike(other) > 0.0).map(|item| Reason::GoesWith { item: *item })
        };
        let habit = || {
            let own: Vec<&Purchase> = facts.history.iter().filter(|purchase| purchase.items.contains(&item)).collect();
            let last = own.iter().map(|purchase| purchase.at).max()?;
            let days_ago = u32::try_from(facts.now.saturating_sub(last).max(0) / DAY).unwrap_or(u32::MAX);
            Some(Reason::Habit { times: u32::try_from(own.len()).unwrap_or(u32::MAX), days_ago })
        };
        let like_you = || {
            let buyers = model.crowd.buyers.get(item as usize)?;
            let customers = self.alike.iter().filter(|(place, _)| buyers.binary_search(place).is_ok()).count();
            (customers > 0).then_some(Reason::LikeYou { customers: customers as u32 })
        };
        let mut told: Vec<(f64, Option<Reason>)> = vec![
            (said(&[Feature::HabitShort, Feature::HabitLong, Feature::Last]), habit()),
            (said(&[Feature::EaseEver, Feature::EaseRecent, Feature::Alike]), of_had()),
            (said(&[Feature::EaseBasket, Feature::Beside]), of_basket()),
            (said(&[Feature::LikeYou]), like_you()),
            (said(&[Feature::Hour]), Some(Reason::TimeOfDay)),
            (said(&[Feature::Popular]), Some(Reason::Popular)),
        ];
        told.retain(|(loud, _)| *loud > 0.0);
        told.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut reasons: Vec<Reason> = told.into_iter().filter_map(|(_, reason)| reason).collect();
        reasons.dedup();
        reasons.truncate(2);
        reasons
    }
}
