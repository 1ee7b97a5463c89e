//! The road from facts to a settlement: one code for the till, which only wants the answer, and for whoever asks why.

use domain::Amount;

use crate::campaign::Action;
use crate::choose::{Stack, combine, compete};
use crate::decision::{Effect, Use};
use crate::explanation::{Outcome, Subject, Verdict};
use crate::facts::Facts;
use crate::qualify::{Fates, candidates};
use crate::rules::Rules;
use crate::scene::Scene;
use crate::settlement::{Part, SettledLine, Settlement};
use crate::trace::Trace;

pub(crate) fn decide<T: Trace>(facts: &Facts, rules: &Rules, trace: &mut T) -> Settlement {
    let scene = Scene::new(facts, rules);
    let mut fates = Fates::new(&scene, trace);
    let candidates = candidates(&scene, &mut fates);
    let candidates = compete(candidates, &scene, &mut fates);
    let stack = combine(candidates, &scene, &mut fates);
    judge(&stack, &scene, &mut fates);
    settle(&stack, &scene, &fates)
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

/// What was paid for each line of the basket, in the order of application: all parts one after the other, and where those of each
/// line end.
fn paid_by_line(stack: &Stack, scene: &Scene) -> (Vec<Part>, Vec<usize>) {
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
    let mut paid = vec![Part { by: 0, desired: Amount::ZERO, granted: Amount::ZERO }; all];
    for (by, (_, given)) in stack.iter().enumerate() {
        for part in &given.parts {
            let next = &mut ends[place_of(part.item)];
            paid[*next] = Part { by, desired: part.desired, granted: part.granted };
            *next += 1;
        }
    }
    (paid, ends)
}

fn settle<T>(stack: &Stack, scene: &Scene, fates: &Fates<'_, T>) -> Settlement {
    let (parts, ends) = paid_by_line(stack, scene);
    let mut settlement = Settlement {
        sources: stack.iter().map(|(candidate, _)| candidate.source.clone()).collect(),
        lines: Vec::with_capacity(scene.facts.lines.len()),
        ..Settlement::default()
    };
    let mut from = 0;
    for (line, end) in scene.facts.lines.iter().zip(ends) {
        let subtotal = line.unit_price.max(Amount::ZERO).times(line.quantity);
        let (mut wanted, mut discount) = (Amount::ZERO, Amount::ZERO);
        for part in &parts[from..end] {
            wanted += part.desired;
            discount += part.granted;
        }
        from = end;
        let total = subtotal - discount;
        settlement.lines.push(SettledLine { subtotal, wanted, discount, total, end });
        settlement.subtotal += subtotal;
        settlement.discount += discount;
        settlement.total += total;
    }
    settlement.parts = parts;
    for (candidate, given) in stack {
        let Some(campaign) = candidate.campaign() else { continue };
        if let Some(clip) = given.clip {
            let key = candidate.limits.get(clip.limit).map(|limit| limit.key.clone()).unwrap_or_default();
            let (desired, granted) = (clip.desired, clip.granted);
            settlement.others.push(Effect::BudgetClipped { campaign, key, desired, granted });
        }
        let adds = given.missing.iter().cloned();
        settlement.others.extend(adds.map(|(sku, quantity)| Effect::AddFreeItem { campaign, sku, quantity }));
        if given.granted > Amount::ZERO {
            settlement.uses.extend(candidate.limits.iter().map(|limit| Use {
                key: limit.key.clone(),
                limit: limit.limit,
                amount: match limit.counts {
                    Action::Discount => given.granted.minor(),
                    Action::Redemptions => 1,
                },
            }));
        }
    }
    settlement.others.extend(fates.withheld.iter().map(|source| Effect::HoldoutWithheld { source: source.clone() }));
    settlement.others.extend(coupons(scene, fates));
    settlement
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
