//! Stages 4 to 6 for one source on what those before have left: its wish, its caps, its budgets, and last the margin floor.

use domain::{Amount, Sku, split, split_in_place};

use crate::campaign::{Action, WhenShort};
use crate::decision::Rejection;
use crate::explanation::WhyNot;
use crate::limits::Limit;
use crate::qualify::{Candidate, Gives};
use crate::scene::Scene;
use crate::wish::{self, Wish};

/// What is left of every item while sources are applied.
#[derive(Clone, Debug)]
pub(crate) struct Tab {
    /// Of the shelf price, after what was wanted.
    pub left: Vec<Amount>,
    /// Above the floor, after what was granted.
    pub room: Vec<Amount>,
}

impl Tab {
    pub(crate) fn new(scene: &Scene) -> Self {
        Self {
            left: scene.items.iter().map(|item| item.subtotal).collect(),
            room: scene.items.iter().map(|item| item.headroom).collect(),
        }
    }
}

/// What one source gives in one stack.
#[derive(Debug)]
pub(crate) struct Given {
    pub parts: Vec<Part>,
    pub desired: Amount,
    pub granted: Amount,
    /// The budget that had less left, by its place in the candidate's limits.
    pub clip: Option<Clip>,
    pub missing: Vec<(Sku, u32)>,
}

/// What a source wanted of one item, and got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub item: usize,
    pub desired: Amount,
    pub granted: Amount,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clip {
    pub limit: usize,
    pub desired: Amount,
    pub granted: Amount,
}

impl Given {
    pub(crate) fn has_effect(&self) -> bool {
        self.granted > Amount::ZERO || !self.missing.is_empty()
    }

    /// Why it gave nothing.
    pub(crate) fn why_not(&self, candidate: &Candidate, scene: &Scene) -> WhyNot {
        match self.clip {
            Some(clip) => WhyNot::BudgetShort(self.rejection(candidate, clip)),
            None if self.desired > Amount::ZERO => WhyNot::FloorReached,
            None if candidate.personal && lacks_costs_only(candidate, scene) => WhyNot::CostUnknown,
            None => WhyNot::NothingToDiscount,
        }
    }

    fn rejection(&self, candidate: &Candidate, clip: Clip) -> Rejection {
        candidate.limits.get(clip.limit).map_or(Rejection::CampaignLimitReached, |limit| limit.rejection)
    }
}

/// Everything that the source means has no known cost.
fn lacks_costs_only(candidate: &Candidate, scene: &Scene) -> bool {
    let mut meant =
        scene.items.iter().filter(|item| match candidate.gives {
            Gives::Card { scope, .. } => wish::covers(scope, item, scene.facts),
            Gives::Rules { plan, .. } => plan.rules.iter().flat_map(|rule| &rule.then).any(|benefit| {
                benefit.targets().is_some_and(|targets| targets.iter().any(|select| select.covers(item)))
            }),
        });
    let Some(first) = meant.next() else { return false };
    !first.cost_known && meant.all(|item| !item.cost_known)
}

/// Applies one source.
///
/// The floor cuts those who were applied last first: so whoever is applied now gets what those before have left above the
/// floor, and what comes later changes nothing for it.
pub(crate) fn give(candidate: &Candidate, scene: &Scene, tab: &mut Tab) -> Given {
    let Wish { mut wanted, missing, .. } = Wish::of(candidate, scene, tab);
    cap(&mut wanted, candidate);
    let clip = clip(&mut wanted, candidate, tab);
    // A free item is promised only while there is something to pay it with.
    let missing = if has_money(&candidate.limits) { missing } else { Vec::new() };
    let parts = Vec::with_capacity(wanted.len());
    let mut given = Given { parts, desired: Amount::ZERO, granted: Amount::ZERO, clip, missing };
    for (item, desired) in wanted.into_iter().enumerate().filter(|(_, desired)| *desired > Amount::ZERO) {
        // The margin floor: the last stage (law 2).
        let granted = desired.min(tab.room[item]);
        tab.left[item] -= desired;
        tab.room[item] -= granted;
        given.parts.push(Part { item, desired, granted });
        given.desired += desired;
        given.granted += granted;
    }
    given
}

fn cap(wanted: &mut [Amount], candidate: &Candidate) {
    if let Some(most) = candidate.max_per_line {
        wanted.iter_mut().for_each(|amount| *amount = (*amount).min(most));
    }
    if let Some(most) = candidate.max_per_session
        && wanted.iter().copied().sum::<Amount>() > most
    {
        split_in_place(most, wanted);
    }
}

/// Stage 5. What the floor would cut anyway draws on no budget.
fn clip(wanted: &mut [Amount], candidate: &Candidate, tab: &Tab) -> Option<Clip> {
    let money = |limit: &Limit| limit.counts == Action::Discount;
    let (tightest, limit) =
        candidate.limits.iter().enumerate().filter(|(_, limit)| money(limit)).min_by_key(|(_, limit)| limit.left)?;
    let fits: Vec<Amount> = wanted.iter().zip(&tab.room).map(|(wanted, room)| (*wanted).min(*room)).collect();
    let desired: Amount = fits.iter().copied().sum();
    if desired.minor() <= limit.left {
        return None;
    }
    let short = |limit: &Limit| money(limit) && desired.minor() > limit.left;
    let refused = candidate.limits.iter().position(|limit| short(limit) && limit.when_short == WhenShort::Refuse);
    let granted = if refused.is_some() { Amount::ZERO } else { Amount(limit.left) };
    wanted.copy_from_slice(&split(granted, &fits));
    Some(Clip { limit: refused.unwrap_or(tightest), desired, granted })
}

fn has_money(limits: &[Limit]) -> bool {
    limits.iter().all(|limit| limit.left > 0)
}
