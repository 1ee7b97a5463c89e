//! The road from facts to a decision: one code for the till, which only wants the answer, and for whoever asks why.

use domain::Amount;

use crate::basket::position;
use crate::campaign::Action;
use crate::choose::{Stack, combine, compete};
use crate::decision::{Allocation, Decision, Effect, LineDecision, Use};
use crate::explanation::{Outcome, Subject, Verdict};
use crate::facts::Facts;
use crate::qualify::{Fates, candidates};
use crate::rules::Rules;
use crate::scene::Scene;
use crate::trace::Trace;

pub(crate) fn decide<T: Trace>(facts: &Facts, rules: &Rules, trace: &mut T) -> Decision {
    let scene = Scene::new(facts, rules);
    let mut fates = Fates::new(&scene, trace);
    let candidates = candidates(&scene, &mut fates);
    let candidates = compete(candidates, &scene, &mut fates);
    let stack = combine(candidates, &scene, &mut fates);
    judge(&stack, &scene, &mut fates);
    tell(&stack, &scene, &fates)
}

/// Zero effect is no redemption: the code is refused and no use is counted.
fn judge<T: Trace>(stack: &Stack, scene: &Scene, fates: &mut Fates<'_, T>) {
    for (candidate, given) in stack {
        if !given.has_effect() {
            fates.drop(candidate, given.why_not(candidate, scene));
            continue;
        }
        fates.trace.note(|| {
            let granted = given.granted;
            let outcome = if granted > Amount::ZERO { Outcome::Applied { granted } } else { Outcome::Offered };
            Verdict { subject: candidate.subject(), outcome }
        });
    }
    for (place, code) in scene.codes.iter().enumerate() {
        let fate = &fates.codes[place];
        fates.trace.note(|| {
            let run = stack.iter().find(|(candidate, _)| candidate.code == Some(place));
            let outcome = match (fate, run) {
                (Some(why), _) => Outcome::Not(why.clone()),
                (None, Some((_, given))) if given.granted > Amount::ZERO => Outcome::Applied { granted: given.granted },
                (None, _) => Outcome::Offered,
            };
            Verdict { subject: Subject::Coupon(code.coupon.code.clone()), outcome }
        });
    }
}

/// One part of one line.
#[derive(Clone, Copy)]
struct Paid {
    by: usize,
    desired: Amount,
    granted: Amount,
}

/// What was paid for each line of the basket, in the order of application: all parts one after the other, and where those of each
/// line end.
fn paid_by_line(stack: &Stack, scene: &Scene) -> (Vec<Paid>, Vec<usize>) {
    let place_of = |item: usize| scene.items[item].place;
    let mut ends = vec![0; scene.facts.lines.len()];
    for part in stack.iter().flat_map(|(_, given)| &given.parts) {
        ends[place_of(part.item)] += 1;
    }
    let mut all = 0;
    // First where each line begins; each part that is put there moves it on, to where the line ends.
    for place in &mut ends {
        all += std::mem::replace(place, all);
    }
    let mut paid = vec![Paid { by: 0, desired: Amount::ZERO, granted: Amount::ZERO }; all];
    for (by, (_, given)) in stack.iter().enumerate() {
        for part in &given.parts {
            let next = &mut ends[place_of(part.item)];
            paid[*next] = Paid { by, desired: part.desired, granted: part.granted };
            *next += 1;
        }
    }
    (paid, ends)
}

fn tell<T>(stack: &Stack, scene: &Scene, fates: &Fates<'_, T>) -> Decision {
    let (paid, ends) = paid_by_line(stack, scene);
    let mut decision = Decision { lines: Vec::with_capacity(scene.facts.lines.len()), ..Decision::default() };
    // One for each part, and perhaps one for each line that was clipped.
    decision.effects.reserve(paid.len() + ends.len());
    let mut from = 0;
    for (place, (line, end)) in scene.facts.lines.iter().zip(ends).enumerate() {
        let here = &paid[from..end];
        from = end;
        let subtotal = line.unit_price.max(Amount::ZERO).times(line.quantity);
        let line = lower(place, subtotal, here, stack, &mut decision.effects);
        decision.subtotal += line.subtotal;
        decision.discount += line.discount;
        decision.total += line.total;
        decision.lines.push(line);
    }
    for (candidate, given) in stack {
        let Some(campaign) = candidate.campaign() else { continue };
        if let Some(clip) = given.clip {
            let key = candidate.limits.get(clip.limit).map(|limit| limit.key.clone()).unwrap_or_default();
            let (desired, granted) = (clip.desired, clip.granted);
            decision.effects.push(Effect::BudgetClipped { campaign, key, desired, granted });
        }
        let adds = given.missing.iter().cloned();
        decision.effects.extend(adds.map(|(sku, quantity)| Effect::AddFreeItem { campaign, sku, quantity }));
        if given.granted > Amount::ZERO {
            decision.uses.extend(candidate.limits.iter().map(|limit| Use {
                key: limit.key.clone(),
                limit: limit.limit,
                amount: match limit.counts {
                    Action::Discount => given.granted.minor(),
                    Action::Redemptions => 1,
                },
            }));
        }
    }
    decision.effects.extend(fates.withheld.iter().map(|source| Effect::HoldoutWithheld { source: source.clone() }));
    decision.effects.extend(coupons(scene, fates));
    decision
}

fn lower(place: usize, subtotal: Amount, paid: &[Paid], stack: &Stack, effects: &mut Vec<Effect>) -> LineDecision {
    let position = position(place);
    let mut allocations = Vec::with_capacity(paid.len());
    let (mut wanted, mut discount) = (Amount::ZERO, Amount::ZERO);
    for &Paid { by, desired, granted } in paid {
        wanted += desired;
        discount += granted;
        if granted > Amount::ZERO {
            let source = &stack[by].0.source;
            allocations.push(Allocation { source: source.clone(), amount: granted });
            effects.push(Effect::Discount { position, source: source.clone(), desired, granted });
        }
    }
    if discount < wanted {
        effects.push(Effect::MarginClipped { position, desired: wanted, granted: discount });
    }
    LineDecision { subtotal, discount, total: subtotal - discount, allocations }
}

/// One answer a code, in the order presented.
fn coupons<T>(scene: &Scene, fates: &Fates<'_, T>) -> Vec<Effect> {
    let mut told: Vec<&str> = Vec::new();
    let mut effects = Vec::new();
    for coupon in &scene.facts.coupons {
        let code = coupon.code.clone();
        let place = scene.codes.iter().position(|judged| judged.coupon.code == code);
        let Some(place) = place.filter(|_| !told.contains(&coupon.code.as_str())) else { continue };
        told.push(&coupon.code);
        effects.push(match (&fates.codes[place], scene.codes[place].good) {
            (Some(why), _) => Effect::RejectCoupon { code, reason: why.rejection() },
            (None, Ok(plan)) => Effect::AcceptCoupon { code, campaign: scene.rules.plans[plan].id },
            (None, Err(reason)) => Effect::RejectCoupon { code, reason },
        });
    }
    effects
}
