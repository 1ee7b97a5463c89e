//! What somebody is likely to take next: a ranking that mixes their habit, what goes with what they have, what people like
//! them buy, the time of day and what everybody buys, each as loud as the past says it should be.

mod blend;
mod features;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::history::DAY;
use crate::{Counts, History, Neighbours, Purchase, Similarity};
use blend::{Example, Task};
use features::{Crowd, Draft, FEATURES, Feature, Popular};

/// What is known of somebody at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Their number among the customers of the fit, so that they are not told what they themselves are like.
    pub customer: Option<u32>,
    /// Their purchases, in any order; of a newcomer none.
    pub history: &'a [Purchase],
    /// What they have in their hands; it is not ranked.
    pub basket: &'a [u32],
    /// In minutes, as the purchases have it.
    pub now: i64,
    /// Whether `now` is also the hour of the purchase that is foretold; otherwise the time of day says nothing.
    pub hour_counts: bool,
}

/// How a fit is made; [`Params::check`] makes it usable.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Against overfitting of EASE; of several the one that foretells best is taken.
    pub ridges: Vec<f64>,
    /// Others that are kept for each item.
    pub neighbours: usize,
    /// Shrinks similarities of few.
    pub shrink: f64,
    /// Customers who are looked at for those alike: the last to buy.
    pub crowd: usize,
    /// The days at the end that the mixture is learned on.
    pub validation_days: u32,
    /// Customers, or baskets, that it is learned on at most.
    pub validation_samples: usize,
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            ridges: vec![100.0, 400.0],
            neighbours: 300,
            shrink: 10.0,
            crowd: 20_000,
            validation_days: 28,
            validation_samples: 1_500,
            seed: 1,
        }
    }
}

/// Checked [`Params`].
#[derive(Clone, Debug)]
pub struct Rules(Params);

impl Params {
    /// # Errors
    /// [`FitError::Params`] when a number makes no sense.
    pub fn check(self) -> Result<Rules, FitError> {
        if self.ridges.is_empty() || self.ridges.iter().any(|ridge| !ridge.is_finite() || *ridge <= 0.0) {
            return Err(FitError::Params("a ridge is over zero, and there is one"));
        }
        if self.neighbours == 0 || self.crowd == 0 || self.validation_samples == 0 {
            return Err(FitError::Params("neighbours, crowd and samples begin at one"));
        }
        if !self.shrink.is_finite() || self.shrink < 0.0 {
            return Err(FitError::Params("a shrinkage is zero or more"));
        }
        if self.validation_days == 0 {
            return Err(FitError::Params("a mixture is learned on a day at least"));
        }
        Ok(Rules(self))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    #[error("these parameters make no sense: {0}")]
    Params(&'static str),
    #[error("the fit was called off")]
    Cancelled,
}

/// One of those that are likely, the likeliest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub item: u32,
    /// Comparable within one ranking only.
    pub score: f64,
    /// What speaks for it most, and what next; never more than two, and none that does not speak for it.
    pub reasons: Vec<Reason>,
}

/// Why something is likely, with the facts that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// They buy it: so often so far, and so many days ago last.
    Habit { times: u32, days_ago: u32 },
    /// It goes with something that they had, or have in their hands.
    GoesWith { item: u32 },
    /// People who buy what they buy have it: so many of those looked at.
    LikeYou { customers: u32 },
    /// It is bought at this time of day more than at others.
    TimeOfDay,
    /// Many buy it these days.
    Popular,
}

/// The form of the stored model. Another form is another number, and is not read.
const FORMAT: u16 = 1;
/// Features of one list of candidates that are looked at while a mixture is learned.
const CANDIDATES: usize = 60;

/// What a fit learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Model {
    stored: Stored,
    crowd: Crowd,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stored {
    format: u16,
    items: u32,
    /// Of what customers ever bought.
    ease: Neighbours,
    cosine: Neighbours,
    /// Of what lay in one basket.
    basket_ease: Neighbours,
    conditional: Neighbours,
    popular: Popular,
    /// What each of the crowd ever bought.
    crowd: Vec<(u32, Vec<u32>)>,
    /// How loud each feature is.
    weights: Vec<f64>,
    report: Report,
}

/// How good the fit is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub customers: u32,
    pub purchases: u64,
    /// The ridge that was taken.
    pub ridge: f64,
    /// On the last days, from what was known before: the normalised discounted gain at ten of the mixture and of each of its
    /// parts alone. None where nobody bought before and after.
    pub ndcg10: Option<f64>,
    pub ndcg10_of_parts: Vec<(String, f64)>,
    /// The share of last-hidden items of baskets that were among the first five.
    pub completed5: Option<f64>,
}

/// Learns from purchases. `progress` is told so many of so many steps, and breaks to call the fit off.
///
/// # Errors
/// [`FitError::Cancelled`].
pub fn fit(
    history: &History,
    rules: &Rules,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Model, FitError> {
    let params = &rules.0;
    let steps = params.ridges.len() as u64 + 3;
    let mut tell = |step: u64| if progress(step, steps).is_break() { Err(FitError::Cancelled) } else { Ok(()) };
    tell(0)?;
    // The mixture is learned by what was known some days before the end, and what came then.
    let cut = history.end().map_or(0, |end| end.saturating_sub(i64::from(params.validation_days) * DAY));
    let known = history.before(cut);
    let nexts = blend::nexts(history, cut, params);
    let completions = blend::completions(history, cut, params);
    let mut best: Option<(f64, f64, Stored)> = None;
    for (step, ridge) in params.ridges.iter().enumerate() {
        let stored = parts(&known, params, *ridge, &mut || ControlFlow::Continue(()))?;
        let model = Model::of(stored.clone());
        let quality =
            model.quality_of(&nexts, Feature::EaseRecent) + model.quality_of(&completions, Feature::EaseBasket);
        if best.as_ref().is_none_or(|(known, ..)| quality > *known) {
            best = Some((quality, *ridge, stored));
        }
        tell(step as u64 + 1)?;
    }
    let (ridge, mut model) = match best {
        Some((_, ridge, stored)) => (ridge, Model::of(stored)),
        None => (1.0, Model::of(parts(&known, params, 1.0, &mut || ControlFlow::Continue(()))?)),
    };
    let next = model.learn(&nexts, Task::Next);
    let completed = model.learn(&completions, Task::Complete);
    let weights = model.stored.weights.clone();
    tell(steps - 2)?;

    let mut stored = parts(history, params, ridge, &mut || ControlFlow::Continue(()))?;
    tell(steps - 1)?;
    stored.weights = weights;
    stored.report = Report {
        customers: u32::try_from(history.customers().count()).unwrap_or(u32::MAX),
        purchases: history.purchases().len() as u64,
        ridge,
        ndcg10: next.as_ref().map(|learned| learned.quality),
        ndcg10_of_parts: next.map(|learned| learned.parts).unwrap_or_default(),
        completed5: completed.map(|learned| learned.quality),
    };
    tell(steps)?;
    Ok(Model::of(stored))
}

/// Everything but the mixture.
fn parts(
    history: &History,
    params: &Params,
    ridge: f64,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Stored, FitError> {
    let (counts, baskets) = (Counts::of(history), Counts::of_baskets(history));
    let most = params.neighbours;
    let conditional = Similarity::Conditional { popularity: 0.3 };
    Ok(Stored {
        format: FORMAT,
        items: history.items(),
        ease: Neighbours::ease(&counts, ridge, most, go_on).ok_or(FitError::Cancelled)?,
        cosine: Neighbours::by(&counts, Similarity::Cosine, params.shrink, most),
        basket_ease: Neighbours::ease(&baskets, ridge, most, go_on).ok_or(FitError::Cancelled)?,
        conditional: Neighbours::by(&baskets, conditional, params.shrink, most),
        popular: Popular::of(history),
        crowd: features::crowd_of(history, &counts, params.crowd),
        weights: blend::DEFAULT.to_vec(),
        report: Report {
            customers: 0,
            purchases: 0,
            ridge,
            ndcg10: None,
            ndcg10_of_parts: Vec::new(),
            completed5: None,
        },
    })
}

impl Model {
    fn of(stored: Stored) -> Self {
        Self { crowd: Crowd::of(&stored.crowd, stored.items), stored }
    }

    /// The `most` likeliest items that are not in the basket, with reasons. Never fails: what is not one of the model's items
    /// says nothing, and who is not known gets what everybody buys.
    #[must_use]
    pub fn rank(&self, facts: &Facts<'_>, most: usize) -> Vec<Ranked> {
        let draft = Draft::of(self, facts);
        let weights = &self.stored.weights;
        let mut scored: Vec<(u32, f64)> =
            (0..self.stored.items).map(|item| (item, draft.score(item, weights))).collect();
        scored.retain(|(item, _)| !facts.basket.contains(item));
        blend::first(&mut scored, most);
        let ranked = scored.into_iter().map(|(item, score)| {
            let reasons = draft.reasons(self, facts, item, weights);
            Ranked { item, score, reasons }
        });
        ranked.collect()
    }

    #[must_use]
    pub fn report(&self) -> &Report {
        &self.stored.report
    }

    /// What goes with an item, by cosine.
    #[must_use]
    pub fn similar(&self, item: u32) -> &[(u32, f32)] {
        self.stored.cosine.of_item(item)
    }

    /// Of one feature alone, over all examples.
    fn quality_of(&self, examples: &[Example], feature: Feature) -> f64 {
        let mut weights = vec![0.0; FEATURES];
        weights[feature as usize] = 1.0;
        // So that what the feature says nothing of is still in an order.
        weights[Feature::Popular as usize] = 1e-6;
        let prepared = blend::prepare(self, examples);
        blend::quality(&prepared, &weights)
    }

    /// Learns the part of the mixture that the task is about.
    fn learn(&mut self, examples: &[Example], task: Task) -> Option<blend::Learned> {
        let learned = blend::learn(&blend::prepare(self, examples), &self.stored.weights, task)?;
        self.stored.weights.clone_from(&learned.weights);
        Some(learned)
    }
}

impl From<Model> for Stored {
    fn from(model: Model) -> Self {
        model.stored
    }
}

/// A model from outside is checked once, so that nothing after it can be out of bounds.
impl TryFrom<Stored> for Model {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        if stored.format != FORMAT {
            return Err(format!("preferences of format {}, and this Kava reads {FORMAT}", stored.format));
        }
        let lists = [&stored.ease, &stored.cosine, &stored.basket_ease, &stored.conditional];
        let fit = lists.into_iter().all(|list| list.fits(stored.items));
        let crowd = stored.crowd.iter().all(|(_, set)| set.iter().all(|item| *item < stored.items));
        if !fit || !crowd || !stored.popular.fits(stored.items) {
            return Err("preferences whose parts do not fit together".to_owned());
        }
        if stored.weights.len() != FEATURES || stored.weights.iter().any(|weight| !weight.is_finite()) {
            return Err("preferences with a mixture that makes no sense".to_owned());
        }
        Ok(Self::of(stored))
    }
}
