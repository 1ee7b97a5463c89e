//! How an open session is answered: its decision in the words of the contract.

use contract::till::{
    Allocation, CouponRejection, CustomerSummary, Degraded, Effect, Session, SessionLine, Source, TillCaller,
};
use domain::{SessionId, SessionState};
use promotions::Decision;

use super::counter::OpenSession;
use crate::snapshot::Snapshot;

/// The session as it is told to a till, in the till's language.
pub(super) fn session(
    id: SessionId,
    open: &OpenSession,
    decision: &Decision,
    shop: &Snapshot,
    caller: &TillCaller,
) -> Session {
    let basis = &open.basis;
    let lines = basis.facts.lines.iter().zip(&decision.lines).enumerate();
    Session {
        session_id: id,
        state: SessionState::Open,
        version: open.version,
        currency: shop.settings.currency,
        evaluated_at: open.evaluated_at,
        expires_at: open.expires_at,
        customer: basis.facts.customer.as_ref().map(|customer| CustomerSummary {
            id: customer.id,
            display_name: basis.display_name.clone(),
            segment: customer.segment.personal_words(caller.locale),
        }),
        lines: lines
            .map(|(place, (line, decided))| SessionLine {
                position: u16::try_from(place).unwrap_or(u16::MAX),
                sku: line.sku.to_string(),
                // A product that is sold no more has no name, and its sku.
                name: shop
                    .product(line.sku.as_str())
                    .map_or(line.sku.as_str(), |shelved| shelved.name(caller.locale))
                    .to_owned(),
                quantity: line.quantity,
                unit_price: line.unit_price,
                subtotal: decided.subtotal,
                discount: decided.discount,
                total: decided.total,
                allocations: decided.allocations.iter().map(allocation).collect(),
                returned: 0,
            })
            .collect(),
        subtotal: decision.subtotal,
        discount: decision.discount,
        total: decision.total,
        effects: effects(decision),
        degraded: basis.degraded.clone().map(|why| Degraded { why }),
        receipt_number: None,
        closed_at: None,
        segment_changed: None,
        savings: None,
        explanation: None,
    }
}

fn allocation(part: &promotions::Allocation) -> Allocation {
    let (source, id) = source(&part.source);
    Allocation { source, id, amount: part.amount }
}

/// What pays, and by which id a till knows it: a card's, a campaign's, or the coupon's code.
fn source(source: &promotions::Source) -> (Source, String) {
    match source {
        promotions::Source::Card(id) => (Source::Card, id.to_string()),
        promotions::Source::Campaign(id) => (Source::Campaign, id.to_string()),
        promotions::Source::Coupon { code, .. } => (Source::Coupon, code.clone()),
    }
}

fn effects(decision: &Decision) -> Vec<Effect> {
    decision.effects.iter().map(effect).collect()
}

pub(super) fn effect(effect: &promotions::Effect) -> Effect {
    match effect {
        promotions::Effect::Discount { position, source: by, desired, granted } => {
            let (source, id) = source(by);
            Effect::SetDiscountPerItem { position: *position, source, id, desired: *desired, granted: *granted }
        }
        promotions::Effect::MarginClipped { position, desired, granted } => {
            Effect::MarginClipped { position: *position, desired: *desired, granted: *granted }
        }
        promotions::Effect::BudgetClipped { campaign, key: _, desired, granted } => {
            Effect::BudgetClipped { campaign: campaign.to_string(), desired: *desired, granted: *granted }
        }
        promotions::Effect::HoldoutWithheld { source: by } => {
            let (source, id) = source(by);
            Effect::HoldoutWithheld { source, id }
        }
        promotions::Effect::AddFreeItem { campaign, sku, quantity } => {
            Effect::AddFreeItem { campaign: campaign.to_string(), sku: sku.to_string(), quantity: *quantity }
        }
        promotions::Effect::AcceptCoupon { code, campaign } => {
            Effect::AcceptCoupon { code: code.clone(), campaign: campaign.to_string() }
        }
        promotions::Effect::RejectCoupon { code, reason } => {
            Effect::RejectCoupon { code: code.clone(), reason: rejection(*reason) }
        }
    }
}

fn rejection(reason: promotions::Rejection) -> CouponRejection {
    use promotions::Rejection as From;
    match reason {
        From::CouponNotFound => CouponRejection::CouponNotFound,
        From::CouponExpired => CouponRejection::CouponExpired,
        From::CouponNotStarted => CouponRejection::CouponNotStarted,
        From::CouponLimitReached => CouponRejection::CouponLimitReached,
        From::ProfileLimitReached => CouponRejection::ProfileLimitReached,
        From::CampaignLimitReached => CouponRejection::CampaignLimitReached,
        From::RecipientDoesNotMatch => CouponRejection::RecipientDoesNotMatch,
        From::ProfileRequired => CouponRejection::ProfileRequired,
        From::ConditionNotMet => CouponRejection::ConditionNotMet,
        From::NoEffect => CouponRejection::NoEffect,
        From::NotCombinable => CouponRejection::NotCombinable,
        From::ReservedElsewhere => CouponRejection::ReservedElsewhere,
    }
}
