//! Stages 2 and 3: who competes with whom, and which stack gives the customer more.

use std::cmp::Reverse;

use domain::Amount;

use crate::campaign::{Mode, Stacking};
use crate::explanation::WhyNot;
use crate::give::{Given, Tab, give};
use crate::qualify::{Candidate, Fates};
use crate::scene::Scene;
use crate::trace::Trace;

/// The sources that are applied, with what each gives; in the order of application.
pub(crate) type Stack<'a> = Vec<(Candidate<'a>, Given)>;

/// Stage 2: in groups that compete, all but one are out.
pub(crate) fn compete<'a, T: Trace>(
    candidates: Vec<Candidate<'a>>,
    scene: &Scene,
    fates: &mut Fates<'_, T>,
) -> Vec<Candidate<'a>> {
    let modes = &scene.rules.modes;
    let mode = |candidate: &Candidate| candidate.group().map_or(Mode::All, |group| modes[group]);
    if candidates.iter().all(|candidate| mode(candidate) == Mode::All) {
        return candidates;
    }
    let mut winners: Vec<Option<(usize, Amount)>> = vec![None; modes.len()];
    let mut alone: Vec<Option<WhyNot>> = Vec::with_capacity(candidates.len());
    for (place, candidate) in candidates.iter().enumerate() {
        let (Some(group), false) = (candidate.group(), mode(candidate) == Mode::All) else {
            alone.push(None);
            continue;
        };
        let ahead = winners[group];
        if mode(candidate) == Mode::First && ahead.is_some() {
            alone.push(None);
            continue;
        }
        let given = give(candidate, scene, &mut Tab::new(scene));
        alone.push((!given.has_effect()).then(|| given.why_not(candidate, scene)));
        if given.has_effect() && ahead.is_none_or(|(_, most)| given.granted > most) {
            winners[group] = Some((place, given.granted));
        }
    }
    let mut stay = Vec::with_capacity(candidates.len());
    let won: Vec<Option<_>> =
        winners.iter().map(|won| won.and_then(|(place, _)| candidates[place].campaign())).collect();
    for ((place, candidate), nothing) in candidates.into_iter().enumerate().zip(alone) {
        let winner = candidate.group().filter(|_| mode(&candidate) != Mode::All).map(|group| winners[group]);
        match (winner, nothing) {
            (None, _) => stay.push(candidate),
            (Some(Some((first, _))), _) if first == place => stay.push(candidate),
            (Some(_), Some(nothing)) => fates.drop(&candidate, nothing),
            (Some(_), None) => {
                let other = candidate.group().and_then(|group| won[group]);
                let why = match (mode(&candidate), other) {
                    (Mode::First, Some(other)) => WhyNot::GroupFirst { other },
                    (_, Some(other)) => WhyNot::GroupBest { other },
                    (_, None) => WhyNot::NothingToDiscount,
                };
                fates.drop(&candidate, why);
            }
        }
    }
    stay
}

/// Stage 3: what is always, and either everything common or one that never combines: whichever gives more.
pub(crate) fn combine<'a, T: Trace>(
    candidates: Vec<Candidate<'a>>,
    scene: &Scene,
    fates: &mut Fates<'_, T>,
) -> Stack<'a> {
    let loners: Vec<usize> =
        (0..candidates.len()).filter(|&place| candidates[place].stacking == Stacking::Never).collect();
    let is_in = |place: usize, loner: Option<usize>| match candidates[place].stacking {
        Stacking::Always => true,
        Stacking::Common => loner.is_none(),
        Stacking::Never => loner == Some(place),
    };
    let apply = |loner: Option<usize>| -> Vec<(usize, Given)> {
        let mut tab = Tab::new(scene);
        let mut given = Vec::with_capacity(candidates.len());
        let present = (0..candidates.len()).filter(|&place| is_in(place, loner));
        given.extend(present.map(|place| (place, give(&candidates[place], scene, &mut tab))));
        given
    };
    // Equal stacks: the one whose first member with an effect (what is always aside) is applied first.
    let leader = |given: &[(usize, Given)]| {
        let leads = |place: usize| candidates[place].stacking != Stacking::Always;
        given.iter().find(|(place, given)| leads(*place) && given.has_effect()).map(|(place, _)| *place)
    };
    let mut nothing: Vec<(usize, WhyNot)> = Vec::new();
    let mut best = apply(None);
    for loner in loners {
        let other = apply(Some(loner));
        if let Some((_, given)) = other.iter().find(|(place, given)| *place == loner && !given.has_effect()) {
            // Alone or not, it does nothing: it displaces nobody.
            nothing.push((loner, given.why_not(&candidates[loner], scene)));
            continue;
        }
        let worth = |given: &[(usize, Given)]| {
            let total: Amount = given.iter().map(|(_, given)| given.granted).sum();
            let offers = given.iter().any(|(_, given)| !given.missing.is_empty());
            (total, offers, Reverse(leader(given).unwrap_or(usize::MAX)))
        };
        if worth(&other) > worth(&best) {
            best = other;
        }
    }
    let with = leader(&best).map(|leader| candidates[leader].source.clone());
    let mut given: Vec<Option<Given>> = candidates.iter().map(|_| None).collect();
    for (place, gave) in best {
        given[place] = Some(gave);
    }
    let mut stack = Vec::with_capacity(candidates.len());
    for ((place, candidate), given) in candidates.into_iter().enumerate().zip(given) {
        match given {
            Some(given) => stack.push((candidate, given)),
            None => {
                let alone = nothing.iter().find(|(loner, _)| *loner == place).map(|(_, why)| why.clone());
                fates.drop(&candidate, alone.unwrap_or_else(|| WhyNot::NotCombinable { with: with.clone() }));
            }
        }
    }
    stack
}
