//! The laws of money, counted where they are broken; written apart from the engine, from what a decision says.

use std::collections::HashMap;

use domain::{Amount, CampaignId, floor_price};
use promotions::{Decision, Effect, Facts, LineDecision, Rules, Source};

/// How many laws the decision breaks.
pub fn broken(facts: &Facts, rules: &Rules, decision: &Decision) -> u64 {
    let mut broken = 0;
    let mut hold = |law: bool| broken += u64::from(!law);
    hold(facts.lines.len() == decision.lines.len());
    let mut by_campaign: HashMap<CampaignId, Amount> = HashMap::new();
    for (line, decided) in facts.lines.iter().zip(&decision.lines) {
        // Law 1: the parts are the whole.
        hold(decided.subtotal == line.unit_price.times(line.quantity));
        hold(decided.allocations.iter().map(|part| part.amount).sum::<Amount>() == decided.discount);
        hold(decided.subtotal - decided.discount == decided.total);
        // Law 2: the floor, and nothing personal without a known cost, and nothing on a charge.
        let floor = floor_price(line.cost, facts.floor).unwrap_or(Amount::ZERO).times(line.quantity);
        hold(decided.discount.is_zero() || (decided.total >= floor && line.offerable));
        let card_pays = decided.allocations.iter().any(|part| matches!(part.source, Source::Card(_)));
        hold(!card_pays || (line.cost.is_some() && !facts.holdout));
        // Law 3: the shelf price.
        hold(Amount::ZERO <= decided.total && decided.total <= decided.subtotal);
        for part in &decided.allocations {
            hold(part.amount > Amount::ZERO);
            if let Source::Campaign(id) | Source::Coupon { campaign: id, .. } = part.source {
                *by_campaign.entry(id).or_default() += part.amount;
            }
        }
    }
    let sum = |of: fn(&LineDecision) -> Amount| decision.lines.iter().map(of).sum::<Amount>();
    hold(sum(|line| line.subtotal) == decision.subtotal);
    hold(sum(|line| line.discount) == decision.discount);
    hold(sum(|line| line.total) == decision.total);
    for effect in &decision.effects {
        if let Effect::Discount { desired, granted, .. }
        | Effect::MarginClipped { desired, granted, .. }
        | Effect::BudgetClipped { desired, granted, .. } = effect
        {
            hold(Amount::ZERO <= *granted && granted <= desired);
        }
    }
    for (id, gave) in &by_campaign {
        hold(rules.campaign(*id).is_some_and(|campaign| campaign.max_per_session.is_none_or(|most| *gave <= most)));
    }
    let rooms: HashMap<&str, i64> = facts.rooms.iter().map(|room| (room.key.as_str(), room.left)).collect();
    for used in &decision.uses {
        hold(used.amount > 0 && used.amount <= rooms.get(used.key.as_str()).copied().unwrap_or(used.limit));
    }
    broken
}
