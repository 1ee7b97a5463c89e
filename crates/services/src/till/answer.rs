//! How an open session is answered: its decision in the words of the contract.

use chrono::{DateTime, Utc};
use contract::till::{
    Allocation, CouponRejection, CustomerSummary, Degraded, Effect, Savings, SegmentChange, Session, SessionLine,
    Source, TillCaller,
};
use domain::{SessionId, SessionState};
use promotions::Decision;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

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

/// What a close adds to the answer of its quote.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub receipt_number: &'a str,
    pub at: DateTime<Utc>,
    pub segment_changed: Option<SegmentChange>,
    /// Of a customer.
    pub savings: Option<Savings>,
}

/// The session as it is told once it is closed.
pub(super) fn closed(open: Session, ended: &Ended<'_>) -> Session {
    Session {
        state: SessionState::Closed,
        version: open.version.saturating_add(1),
        receipt_number: Some(ended.receipt_number.to_owned()),
        closed_at: Some(ended.at),
        segment_changed: Some(ended.segment_changed.clone()),
        savings: ended.savings,
        ..open
    }
}

/// An [`Allocation`], written without being made.
pub(super) struct Allocated<'a>(pub &'a promotions::Allocation);

impl Serialize for Allocated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut told = serializer.serialize_struct("Allocation", 3)?;
        match &self.0.source {
            promotions::Source::Card(id) => {
                told.serialize_field("source", &Source::Card)?;
                told.serialize_field("id", id)?;
            }
            promotions::Source::Campaign(id) => {
                told.serialize_field("source", &Source::Campaign)?;
                told.serialize_field("id", id)?;
            }
            promotions::Source::Coupon { code, .. } => {
                told.serialize_field("source", &Source::Coupon)?;
                told.serialize_field("id", code)?;
            }
        }
        told.serialize_field("amount", &self.0.amount)?;
        told.end()
    }
}

/// All of a line's.
pub(super) struct AllAllocated<'a>(pub &'a [promotions::Allocation]);

impl Serialize for AllAllocated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Allocated))
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

#[cfg(test)]
mod tests {
    use domain::{Amount, CampaignId, CardId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_pays_is_written_as_the_contract_has_it() {
        let sources = [
            promotions::Source::Card(CardId(Uuid::from_u128(1))),
            promotions::Source::Campaign(CampaignId(Uuid::from_u128(u128::MAX))),
            promotions::Source::Coupon { campaign: CampaignId(Uuid::nil()), code: "\"ÄHM\"".to_owned() },
        ];
        let parts: Vec<_> =
            sources.map(|source| promotions::Allocation { source, amount: Amount(5) }).into_iter().collect();
        let told: Vec<Allocation> = parts.iter().map(allocation).collect();
        assert_eq!(serde_json::to_string(&AllAllocated(&parts)).unwrap(), serde_json::to_string(&told).unwrap());
    }
}
