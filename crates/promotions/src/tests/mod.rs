//! What every test needs: a basket, a campaign from its JSON, and the laws of money.

mod benefits;
mod card;
mod conditions;
mod coupons;
mod documented;
mod explaining;
mod laws;
mod oracle;
mod stacking;
mod times;
mod worlds;

use domain::{Amount, CardId, CardScope, CategoryId, CustomerId, MarginFloor, Rate, SegmentName, Sku, floor_price};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn card_id() -> CardId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn store_id() -> domain::StoreId {
    "01890a5d-ac96-774b-bcce-b302099a8001".parse().unwrap()
}

fn customer_id(n: u8) -> CustomerId {
    CustomerId(uuid(0xC000 + u16::from(n)))
}

fn campaign_id(n: u8) -> domain::CampaignId {
    domain::CampaignId(uuid(u16::from(n)))
}

fn uuid(n: u16) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_0000_0000_0000 + u128::from(n))
}

fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

fn card(scope: CardScope, bp: u32) -> Option<ChosenCard> {
    Some(ChosenCard { id: card_id(), scope, rate: Rate(bp) })
}

/// A line of the category `coffee`.
fn line(name: &str, price: i64, cost: Option<i64>, quantity: u32) -> Line {
    Line {
        sku: sku(name),
        category: CategoryId::new("coffee"),
        unit_price: Amount(price),
        cost: cost.map(Amount),
        quantity,
        offerable: true,
    }
}

fn of_category(category: &str, line: Line) -> Line {
    Line { category: CategoryId::new(category), ..line }
}

fn somebody() -> Customer {
    Customer {
        id: customer_id(1),
        segment: SegmentName::Newcomers,
        visits: 3,
        registered_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        birthday: None,
        last_purchase_at: Some("2026-11-01T09:00:00Z".parse().unwrap()),
    }
}

fn facts(lines: Vec<Line>, card: Option<ChosenCard>, margin: u32) -> Facts {
    Facts {
        at: "2026-11-21T12:00:00Z".parse().unwrap(),
        store: store_id(),
        zone: Tz::Europe__London,
        lines,
        customer: None,
        card,
        coupons: vec![],
        rooms: vec![],
        holdout: false,
        floor: MarginFloor { min_margin: Rate(margin) },
    }
}

fn decide(lines: Vec<Line>, card: Option<ChosenCard>, margin: u32) -> Decision {
    evaluate(&facts(lines, card, margin), &Rules::default())
}

/// A campaign with one rule, and whatever else the JSON says.
fn campaign(n: u8, then: Value, more: Value) -> Value {
    let mut campaign = json!({
        "id": campaign_id(n),
        "name": {"en": "A campaign", "ru": "Акция"},
        "rules": [{"name": "always", "then": [then]}],
    });
    for (key, value) in more.as_object().unwrap() {
        campaign[key] = value.clone();
    }
    campaign
}

/// The same with a condition.
fn when(n: u8, condition: Value, then: Value) -> Value {
    campaign(n, json!({}), json!({"rules": [{"name": "when", "when": condition, "then": [then]}]}))
}

fn params(campaigns: Vec<Value>) -> Params {
    serde_json::from_value(json!({ "campaigns": campaigns })).unwrap()
}

fn rules(campaigns: Vec<Value>) -> Rules {
    params(campaigns).check().unwrap()
}

fn coupon(code: &str, campaign: u8) -> Coupon {
    let standing = Standing::Good { campaign: campaign_id(campaign), recipient: None, from: None, until: None };
    Coupon { code: code.into(), standing }
}

fn discounts(decision: &Decision) -> Vec<i64> {
    decision.lines.iter().map(|line| line.discount.minor()).collect()
}

fn rejections(decision: &Decision) -> Vec<Rejection> {
    let reason = |effect: &Effect| match effect {
        Effect::RejectCoupon { reason, .. } => Some(*reason),
        _ => None,
    };
    decision.effects.iter().filter_map(reason).collect()
}

/// Laws 1 to 3, sums, and what a decision says of itself.
fn laws(facts: &Facts, decision: &Decision) -> Result<(), TestCaseError> {
    prop_assert_eq!(decision.lines.len(), facts.lines.len());
    for (line, decided) in facts.lines.iter().zip(&decision.lines) {
        // Law 1: parts add up to the whole.
        prop_assert_eq!(decided.subtotal, line.unit_price.times(line.quantity));
        prop_assert_eq!(decided.allocations.iter().map(|part| part.amount).sum::<Amount>(), decided.discount);
        prop_assert_eq!(decided.subtotal - decided.discount, decided.total);
        prop_assert!(decided.allocations.iter().all(|part| part.amount > Amount::ZERO));
        // Law 2: the floor, whenever anything was given; no card without a known cost, nothing on a charge.
        if decided.discount > Amount::ZERO {
            prop_assert!(line.offerable);
            match floor_price(line.cost, facts.floor) {
                Some(floor) => prop_assert!(decided.total >= floor.times(line.quantity)),
                None => prop_assert!(!decided.allocations.iter().any(|part| matches!(part.source, Source::Card(_)))),
            }
        }
        // Law 3: never above the shelf price, never below zero.
        prop_assert!(decided.discount >= Amount::ZERO && decided.total >= Amount::ZERO);
        prop_assert!(decided.total <= decided.subtotal);
    }
    prop_assert_eq!(decision.lines.iter().map(|line| line.subtotal).sum::<Amount>(), decision.subtotal);
    prop_assert_eq!(decision.lines.iter().map(|line| line.discount).sum::<Amount>(), decision.discount);
    prop_assert_eq!(decision.lines.iter().map(|line| line.total).sum::<Amount>(), decision.total);
    prop_assert_eq!(decision.subtotal - decision.discount, decision.total);
    for effect in &decision.effects {
        if let Effect::Discount { desired, granted, .. }
        | Effect::MarginClipped { desired, granted, .. }
        | Effect::BudgetClipped { desired, granted, .. } = effect
        {
            prop_assert!(Amount::ZERO <= *granted && granted <= desired);
        }
        if let Effect::Discount { position, source, granted, .. } = effect {
            let paid = &decision.lines[usize::from(*position)].allocations;
            prop_assert!(paid.iter().any(|part| part.source == *source && part.amount == *granted));
        }
    }
    Ok(())
}
