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
    let apply = |loner: Option<usize>| -> Vec<Given> {
        let mut tab = Tab::new(scene);
        (0..candidates.len())
            .filter(|&place| is_in(place, loner))
            .map(|place| give(&candidates[place], scene, &mut tab))
            .collect()
    };
    let commons = candidates.iter().position(|candidate| candidate.stacking == Stacking::Common);
    // Equal stacks: the one whose first member (what is always aside) is applied first.
    let leader = |loner: Option<usize>| loner.or(commons).unwrap_or(usize::MAX);
    let (loner, given) = std::iter::once(None)
        .chain(loners.iter().copied().map(Some))
        .map(|loner| (loner, apply(loner)))
        .max_by_key(|(loner, given)| {
            let total: Amount = given.iter().map(|given| given.granted).sum();
            let offers = given.iter().any(|given| !given.missing.is_empty());
            (total, offers, Reverse(leader(*loner)))
        })
        .unwrap_or_default();
    let mut places = Vec::with_capacity(given.len());
    let mut others = Vec::new();
    for place in 0..candidates.len() {
        if is_in(place, loner) { places.push(place) } else { others.push(place) }
    }
    let with = (!others.is_empty()).then(|| leader(loner)).and_then(|leader| candidates.get(leader));
    for &place in &others {
        fates.drop(&candidates[place], WhyNot::NotCombinable { with: with.map(|leader| leader.source.clone()) });
    }
    let mut stack: Vec<Option<Candidate>> = candidates.into_iter().map(Some).collect();
    places.into_iter().filter_map(|place| stack[place].take()).zip(given).collect()
}
