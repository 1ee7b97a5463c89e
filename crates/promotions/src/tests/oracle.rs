//! A second opinion: slow and simple, unit by unit, over every choice.

use proptest::prelude::*;

use super::*;

/// Every unit for itself: what it costs, and whether it may be bought for and got in the deal.
#[derive(Clone, Copy, Debug)]
struct Unit {
    price: i64,
    buys: bool,
    gets: bool,
}

fn any_units() -> impl Strategy<Value = Vec<(u8, i64, u32)>> {
    prop::collection::vec((0_u8..4, 1_i64..50, 1_u32..3), 1..5)
}

/// Lines of four products: `p0` only buys, `p1` only is got, `p2` both, `p3` neither.
fn cart(lines: &[(u8, i64, u32)]) -> (Vec<Line>, Vec<Unit>) {
    let basket =
        lines.iter().map(|&(kind, price, quantity)| line(&format!("p{kind}"), price, Some(0), quantity)).collect();
    let unit = |&(kind, price, quantity): &(u8, i64, u32)| {
        vec![Unit { price, buys: kind == 0 || kind == 2, gets: kind == 1 || kind == 2 }; quantity as usize]
    };
    (basket, lines.iter().flat_map(unit).collect())
}

/// The most whole deals, and of those the cheapest that is got: by trying every part for every unit.
fn try_every_part(units: &[Unit], buy: u32, get: u32) -> i64 {
    fn walk(units: &[Unit], bought: u32, got: u32, value: i64, found: &mut Vec<(u32, u32, i64)>) {
        let Some((unit, rest)) = units.split_first() else {
            found.push((bought, got, value));
            return;
        };
        walk(rest, bought, got, value, found);
        if unit.buys {
            walk(rest, bought + 1, got, value, found);
        }
        if unit.gets {
            walk(rest, bought, got + 1, value + unit.price, found);
        }
    }
    let mut found = Vec::new();
    walk(units, 0, 0, 0, &mut found);
    let whole =
        found.into_iter().filter(|(bought, got, _)| bought % buy == 0 && got % get == 0 && bought / buy == got / get);
    whole.map(|(bought, _, value)| (bought / buy, -value)).max().map_or(0, |(_, value)| -value)
}

/// Sets of one unit a slot at a price: the most that can be saved, by trying every pair again and again.
fn try_every_pair(units: &[Unit], price: i64) -> i64 {
    let mut best = 0;
    for one in 0..units.len() {
        for other in 0..units.len() {
            if one != other && units[one].buys && units[other].gets {
                let rest: Vec<Unit> = (0..units.len()).filter(|&n| n != one && n != other).map(|n| units[n]).collect();
                best = best.max(units[one].price + units[other].price - price + try_every_pair(&rest, price));
            }
        }
    }
    best
}

/// Whether a campaign, or else the card, gives anything in a stack.
fn does_something(stack: &Decision, campaign: Option<domain::CampaignId>) -> bool {
    let whose = |source: &Source| match source {
        Source::Campaign(id) | Source::Coupon { campaign: id, .. } => campaign == Some(*id),
        Source::Card(_) => campaign.is_none(),
    };
    stack.effects.iter().any(|effect| match effect {
        Effect::Discount { source, granted, .. } => whose(source) && *granted > Amount::ZERO,
        Effect::AddFreeItem { campaign: id, .. } => campaign == Some(*id),
        _ => false,
    })
}

fn slot(skus: [&str; 2], quantity: u32) -> Value {
    json!({"of": {"skus": skus}, "quantity": quantity})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn buy_x_get_y_is_what_trying_every_part_for_every_unit_finds(lines in any_units(), buy in 1_u32..4, get in 1_u32..3) {
        let (basket, units) = cart(&lines);
        let deal = json!({"buy_x_get_y": {"buy": slot(["p0", "p2"], buy), "get": slot(["p1", "p2"], get), "rate_bp": 10000}});
        let decision = evaluate(&facts(basket, None, 0), &rules(vec![campaign(1, deal, json!({}))]));
        prop_assert_eq!(decision.discount.minor(), try_every_part(&units, buy, get));
    }

    #[test]
    fn a_bundle_saves_the_most_that_any_pairing_does(lines in prop::collection::vec((0_u8..4, 1_i64..50, 1_u32..3), 1..4), price in 1_i64..60) {
        let (basket, units) = cart(&lines);
        let deal = json!({"bundle": {"slots": [slot(["p0", "p2"], 1), slot(["p1", "p2"], 1)], "price": price}});
        let decision = evaluate(&facts(basket, None, 0), &rules(vec![campaign(1, deal, json!({}))]));
        prop_assert_eq!(decision.discount.minor(), try_every_pair(&units, price));
    }

    /// The chosen stack is the best of those that may stand together: each is decided alone, as a rule set of its own.
    #[test]
    fn no_stack_that_is_allowed_gives_more((facts, params) in super::worlds::any_world(5, 6)) {
        let params = Params { groups: vec![], ..params };
        let chosen = evaluate(&facts, &params.clone().check().unwrap()).discount;
        let of = |keep: &dyn Fn(&Campaign) -> bool, card: bool| {
            let alone = |campaign: &Campaign| Campaign { stacking: Stacking::Always, ..campaign.clone() };
            // Enabled or not, they all stay: a condition may name another's coupons.
            let campaigns = params.campaigns.iter().map(|campaign| Campaign { enabled: keep(campaign), ..alone(campaign) });
            let stack = Params { campaigns: campaigns.collect(), card: CardPolicy { stacking: Stacking::Always, ..params.card }, ..params.clone() };
            let card = facts.card.clone().filter(|_| card);
            evaluate(&Facts { card, ..facts.clone() }, &stack.check().unwrap())
        };
        let looks_aside = params.campaigns.iter().flat_map(|campaign| &campaign.rules)
            .any(|rule| format!("{:?}", rule.when).contains("CardUsed"));
        if !looks_aside {
            let goes = |stacking: Stacking| stacking == Stacking::Always;
            let mut best = of(&|campaign| campaign.stacking != Stacking::Never, params.card.stacking != Stacking::Never).discount;
            let mut stands_alone = |stack: Decision, loner: Option<domain::CampaignId>| {
                // Who does nothing displaces nobody.
                if does_something(&stack, loner) {
                    best = best.max(stack.discount);
                }
            };
            for loner in params.campaigns.iter().filter(|campaign| campaign.stacking == Stacking::Never) {
                stands_alone(of(&|campaign| goes(campaign.stacking) || campaign.id == loner.id, goes(params.card.stacking)), Some(loner.id));
            }
            if params.card.stacking == Stacking::Never {
                stands_alone(of(&|campaign| goes(campaign.stacking), true), None);
            }
            prop_assert_eq!(chosen, best);
        }
    }
}
