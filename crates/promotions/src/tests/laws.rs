//! The laws, in random worlds: stacks of every kind of benefit over baskets with corners.

use std::collections::HashMap;

use proptest::prelude::*;

use super::worlds::any_world;
use super::*;

/// No personal source pays for a line of which no cost is known, nor for the holdout.
fn personal_laws(facts: &Facts, params: &Params, decision: &Decision) -> Result<(), TestCaseError> {
    let looks_at_customer = |id: &domain::CampaignId| {
        let campaign = params.campaigns.iter().find(|campaign| campaign.id == *id).unwrap();
        campaign.rules.iter().any(|rule| rule.when.is_personal())
    };
    let has_recipient = |code: &str| {
        let good = |coupon: &&Coupon| coupon.code == code;
        let standing = facts.coupons.iter().filter(good).map(|coupon| &coupon.standing);
        standing.clone().count() == 1
            && standing.clone().any(|s| matches!(s, Standing::Good { recipient: Some(_), .. }))
    };
    for (line, decided) in facts.lines.iter().zip(&decision.lines) {
        if line.cost.is_some() && !facts.holdout {
            continue;
        }
        for part in &decided.allocations {
            let personal = match &part.source {
                Source::Card(_) => true,
                Source::Campaign(id) => looks_at_customer(id),
                Source::Coupon { campaign, code } => looks_at_customer(campaign) || has_recipient(code),
            };
            prop_assert!(!personal, "{:?} is personal", part.source);
        }
    }
    Ok(())
}

/// Uses stay within the rooms, money uses are what was granted, and each account is one of those told beforehand.
fn limits_hold(facts: &Facts, params: &Params, rules: &Rules, decision: &Decision) -> Result<(), TestCaseError> {
    let accounts: HashMap<String, i64> =
        rules.accounts(facts).into_iter().map(|account| (account.key, account.limit)).collect();
    let rooms: HashMap<&str, i64> = facts.rooms.iter().map(|room| (room.key.as_str(), room.left)).collect();
    let mut granted: HashMap<domain::CampaignId, Amount> = HashMap::new();
    for part in decision.lines.iter().flat_map(|line| &line.allocations) {
        if let Source::Campaign(id) | Source::Coupon { campaign: id, .. } = &part.source {
            *granted.entry(*id).or_default() += part.amount;
        }
    }
    for used in &decision.uses {
        prop_assert_eq!(accounts.get(&used.key), Some(&used.limit));
        prop_assert!(used.amount > 0 && used.amount <= used.limit);
        prop_assert!(rooms.get(used.key.as_str()).is_none_or(|left| used.amount <= *left), "{:?}", used);
        if used.key.contains("/discount") {
            let id = used.key[..36].parse().unwrap();
            prop_assert_eq!(used.amount, granted[&id].minor());
        }
    }
    for campaign in &params.campaigns {
        let gave = granted.get(&campaign.id).copied().unwrap_or_default();
        prop_assert!(campaign.max_per_session.is_none_or(|most| gave <= most));
        let limited = decision.uses.iter().filter(|used| used.key.starts_with(&campaign.id.to_string())).count();
        let policy = campaign.coupon.unwrap_or_default();
        let limits = [policy.per_code, policy.per_customer, policy.per_store].iter().flatten().count();
        let expected = if gave > Amount::ZERO { campaign.budgets.len() + limits } else { 0 };
        prop_assert_eq!(limited, expected);
    }
    Ok(())
}

/// Every code has one answer; what pays by code was accepted.
fn coupons_are_answered(facts: &Facts, decision: &Decision) -> Result<(), TestCaseError> {
    let mut answers: HashMap<&str, bool> = HashMap::new();
    for effect in &decision.effects {
        let (code, accepted) = match effect {
            Effect::AcceptCoupon { code, .. } => (code, true),
            Effect::RejectCoupon { code, .. } => (code, false),
            _ => continue,
        };
        prop_assert!(answers.insert(code, accepted).is_none());
    }
    for coupon in &facts.coupons {
        prop_assert!(answers.contains_key(coupon.code.as_str()));
    }
    for part in decision.lines.iter().flat_map(|line| &line.allocations) {
        if let Source::Coupon { code, .. } = &part.source {
            prop_assert_eq!(answers.get(code.as_str()), Some(&true));
        }
    }
    Ok(())
}

/// What a decision comes to, whatever the order of its lines.
fn gist(facts: &Facts, decision: &Decision) -> impl PartialEq + std::fmt::Debug {
    let mut lines: Vec<_> = facts
        .lines
        .iter()
        .zip(&decision.lines)
        .map(|(line, decided)| {
            let paid: Vec<_> = decided.allocations.iter().map(|part| (part.source.clone(), part.amount)).collect();
            let line =
                (line.sku.clone(), line.unit_price, line.quantity, line.cost, line.category.clone(), line.offerable);
            (line, paid)
        })
        .collect();
    lines.sort();
    let mut answers: Vec<String> = decision
        .effects
        .iter()
        .filter(|effect| !matches!(effect, Effect::Discount { .. } | Effect::MarginClipped { .. }))
        .map(|effect| format!("{effect:?}"))
        .collect();
    answers.sort();
    (lines, answers, decision.uses.clone(), decision.total)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn every_law_holds_in_every_world((facts, params) in any_world(6, 6)) {
        let rules = params.clone().check().unwrap();
        let decision = evaluate(&facts, &rules);
        laws(&facts, &decision)?;
        personal_laws(&facts, &params, &decision)?;
        limits_hold(&facts, &params, &rules, &decision)?;
        coupons_are_answered(&facts, &decision)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Lines, campaigns, coupons and rooms in any order: one answer.
    #[test]
    fn no_order_matters((facts, params) in any_world(6, 6), seed in any::<u64>()) {
        let decision = evaluate(&facts, &params.clone().check().unwrap());
        let (mut shuffled, mut mixed) = (facts.clone(), params);
        mix(&mut shuffled.lines, seed);
        mix(&mut shuffled.rooms, seed);
        mix(&mut mixed.campaigns, seed);
        mix(&mut mixed.groups, seed);
        // Two standings of one code are not a matter of order, but of the caller's books.
        let codes: std::collections::HashSet<_> = facts.coupons.iter().map(|coupon| &coupon.code).collect();
        if codes.len() == facts.coupons.len() {
            mix(&mut shuffled.coupons, seed);
        }
        let again = evaluate(&shuffled, &mixed.check().unwrap());
        prop_assert_eq!(gist(&facts, &decision), gist(&shuffled, &again));
    }

    /// Law 6: what was stored gives the decision again, bit for bit.
    #[test]
    fn what_was_stored_decides_the_same((facts, params) in any_world(6, 6)) {
        let stored: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        prop_assert_eq!(&stored, &facts);
        let written: Params = serde_json::from_str(&serde_json::to_string(&params).unwrap()).unwrap();
        prop_assert_eq!(&written, &params);
        let decision = evaluate(&facts, &params.check().unwrap());
        prop_assert_eq!(&evaluate(&stored, &written.check().unwrap()), &decision);
        let kept: Decision = serde_json::from_str(&serde_json::to_string(&decision).unwrap()).unwrap();
        prop_assert_eq!(kept, decision);
    }

    /// Who asks why gets the till's own decision, and a verdict on everything, that says what happened.
    #[test]
    fn explaining_changes_nothing((facts, params) in any_world(6, 6)) {
        let rules = params.clone().check().unwrap();
        let explanation = explain(&facts, &rules);
        prop_assert_eq!(&explanation.decision, &evaluate(&facts, &rules));
        let mut subjects: Vec<Subject> = params.campaigns.iter().map(|campaign| Subject::Campaign(campaign.id)).collect();
        subjects.extend(facts.card.iter().map(|card| Subject::Card(card.id)));
        subjects.extend(facts.coupons.iter().map(|coupon| Subject::Coupon(coupon.code.clone())));
        subjects.sort();
        subjects.dedup();
        let mut told: Vec<Subject> = explanation.verdicts.iter().map(|verdict| verdict.subject.clone()).collect();
        told.sort();
        prop_assert_eq!(told, subjects);
        for Verdict { subject, outcome } in &explanation.verdicts {
            let paid: Amount = explanation.decision.lines.iter().flat_map(|line| &line.allocations)
                .filter(|part| match (&part.source, subject) {
                    (Source::Campaign(a) | Source::Coupon { campaign: a, .. }, Subject::Campaign(b)) => a == b,
                    (Source::Coupon { code: a, .. }, Subject::Coupon(b)) => a == b,
                    (Source::Card(a), Subject::Card(b)) => a == b,
                    _ => false,
                })
                .map(|part| part.amount)
                .sum();
            match outcome {
                Outcome::Applied { granted } => prop_assert_eq!(*granted, paid),
                Outcome::Offered | Outcome::Not(_) => prop_assert_eq!(paid, Amount::ZERO),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_laws_hold_in_the_largest_carts((facts, params) in any_world(domain::session::MAX_LINES, 12)) {
        let rules = params.clone().check().unwrap();
        let decision = evaluate(&facts, &rules);
        laws(&facts, &decision)?;
        limits_hold(&facts, &params, &rules, &decision)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Beyond every bound of the contract: no panic, nothing below zero.
    #[test]
    fn no_number_is_too_hostile((mut facts, params) in any_world(4, 5), numbers in prop::collection::vec(any::<(i64, i64, u32)>(), 4)) {
        for (line, (price, cost, quantity)) in facts.lines.iter_mut().zip(numbers) {
            (line.unit_price, line.cost, line.quantity) = (Amount(price), line.cost.map(|_| Amount(cost)), quantity);
        }
        let decision = evaluate(&facts, &params.check().unwrap());
        for line in &decision.lines {
            prop_assert!(line.total >= Amount::ZERO && line.discount >= Amount::ZERO && line.total <= line.subtotal);
        }
    }
}

/// A shuffle that a seed decides.
fn mix<T>(list: &mut [T], mut seed: u64) {
    for place in (1..list.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        list.swap(place, (seed >> 33) as usize % (place + 1));
    }
}
